//! The modules of a crate with their code, without comments and tests.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::imports::Module;

/// Each module's code.
pub(crate) struct Sources(pub(crate) BTreeMap<Module, String>);

impl Sources {
    /// The crate that this file is the root of.
    pub(crate) fn read(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        follow(root, vec![], &mut found);
        Self(found)
    }

    /// Sources as they stand in a test: a module's path, and its code.
    pub(crate) fn written(sources: &[(&str, &str)]) -> Self {
        let path = |text: &str| text.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Self(sources.iter().map(|(module, code)| (path(module), code_of(code))).collect())
    }
}

fn follow(file: &Path, module: Module, found: &mut BTreeMap<Module, String>) {
    let code =
        code_of(&std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
    for child in children(&code) {
        let path = [module.as_slice(), std::slice::from_ref(&child)].concat();
        follow(&file_of(file, &child), path, found);
    }
    found.insert(module, code);
}

/// The modules that code declares and leaves to files of their own.
fn children(code: &str) -> Vec<String> {
    let declared = code.lines().filter_map(|line| {
        let (visibility, name) = line.trim().split_once("mod ").unwrap_or(("x", ""));
        let alone = visibility.is_empty() || visibility.starts_with("pub");
        name.strip_suffix(';').filter(|_| alone)
    });
    declared.map(str::to_owned).collect()
}

fn file_of(parent: &Path, child: &str) -> PathBuf {
    let folder = parent.parent().unwrap();
    let stem = parent.file_stem().unwrap().to_str().unwrap();
    let folder = if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { folder.join(stem) };
    let alone = folder.join(format!("{child}.rs"));
    if alone.is_file() { alone } else { folder.join(child).join("mod.rs") }
}

/// Code without comments, and without what only tests see.
fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            skip_item(&mut lines);
            continue;
        }
        // `://` is no comment but an address in a text.
        let end = line.find("//").filter(|end| !line[..*end].ends_with(':')).unwrap_or(line.len());
        code.push_str(&line[..end]);
        code.push('\n');
    }
    code
}

/// Passes over an item with its attributes: up to `;`, or to the brace that closes it at the indentation of its first
/// line, which is where rustfmt puts it.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>) {
    let Some(first) = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")) else { return };
    if first.ends_with(';') || first.ends_with('}') {
        return;
    }
    let indentation = &first[..first.len() - first.trim_start().len()];
    let closing = [format!("{indentation}}}"), format!("{indentation}}};")];
    lines.find(|line| closing.iter().any(|closing| line == closing));
}
