//! Which module of a crate imports which.
//!
//! Reads what rustfmt has laid out, line by line, and follows re-exports to the module that an item comes from. A module
//! and the modules inside it are one thing here: a folder declares and re-exports what is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Sources;

/// A module's path within its crate; empty for the root.
pub(crate) type Module = Vec<String>;

/// The imports of a crate, from module to module.
pub(crate) struct Imports {
    modules: BTreeSet<Module>,
    edges: BTreeMap<Module, BTreeSet<Module>>,
}

/// The names that modules got by `use`, and the paths that these stand for.
type Names = BTreeMap<Module, BTreeMap<String, Vec<String>>>;

impl Imports {
    pub(crate) fn of(sources: &Sources) -> Self {
        let modules: BTreeSet<Module> = sources.0.keys().cloned().collect();
        let names: Names =
            sources.0.iter().map(|(module, code)| (module.clone(), used_names(code))).collect();
        let mut edges = BTreeMap::new();
        for (module, code) in &sources.0 {
            let paths = used_paths(code).into_iter().chain(written_paths(code));
            let targets = paths.filter_map(|path| resolve(&modules, &names, module, &path, 0));
            let others = targets.filter(|target| !target.starts_with(module) && !module.starts_with(target));
            edges.insert(module.clone(), others.collect());
        }
        Self { modules, edges }
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Module, &Module)> {
        self.edges.iter().flat_map(|(from, to)| to.iter().map(move |to| (from, to)))
    }

    /// Every set of modules that import each other, directly or by way of others of the set.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.modules.iter().map(|module| (module, self.reached_from(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, its) in &reached {
            let circle: Vec<String> =
                its.iter().filter(|other| reached[**other].contains(module)).map(|m| m.join("::")).collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached_from<'a>(&'a self, module: &'a Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut left = vec![module];
        while let Some(next) = left.pop() {
            left.extend(self.edges[next].iter().filter(|to| reached.insert(*to)));
        }
        reached
    }
}

/// The module that the item of a path is in; `None` for another crate's.
fn resolve(
    modules: &BTreeSet<Module>,
    names: &Names,
    from: &Module,
    path: &[String],
    depth: u8,
) -> Option<Module> {
    let mut at = from.clone();
    let mut parts = path.iter();
    // A name without a place before it is a module or an import of this one, or another crate.
    let mut is_first = true;
    let mut part = parts.next();
    while let Some(name) = part {
        match name.as_str() {
            "crate" => at.clear(),
            "self" => {}
            "super" => drop(at.pop()),
            name => {
                let child = [at.as_slice(), &[name.to_owned()]].concat();
                if modules.contains(&child) {
                    at = child;
                } else if let Some(meant) = names[&at].get(name).filter(|_| depth < 16)
                    && meant.as_slice() != path
                {
                    let whole: Vec<String> = meant.iter().chain(parts.as_slice()).cloned().collect();
                    return resolve(modules, names, &at, &whole, depth + 1);
                } else {
                    return (!is_first).then_some(at);
                }
            }
        }
        is_first = false;
        part = parts.next();
    }
    Some(at)
}

/// Every `use` of a module, as the text between `use` and `;`.
fn used(code: &str) -> Vec<String> {
    let is_use = |line: &str| {
        let line = line.trim_start();
        let (before, after) = line.split_once("use ").unwrap_or(("x", ""));
        (before.is_empty() || before.starts_with("pub") && !before.contains(' ') || before.ends_with(") "))
            .then(|| after.to_owned())
            .or_else(|| line.strip_prefix("pub use ").map(str::to_owned))
    };
    let mut lines = code.lines();
    let mut found = vec![];
    while let Some(line) = lines.next() {
        let Some(mut text) = is_use(line) else { continue };
        while !text.contains(';') {
            let Some(line) = lines.next() else { break };
            text.push_str(line.trim());
        }
        found.push(text.split(';').next().unwrap_or_default().to_owned());
    }
    found
}

/// `a::{b, c::{d, self}}` as the paths in it.
fn spread(text: &str, before: &[String], found: &mut Vec<Vec<String>>) {
    let mut depth = 0;
    let between = text.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for part in between.map(str::trim).filter(|part| !part.is_empty()) {
        let (head, group) = part.split_once('{').unwrap_or((part, ""));
        let names = head.split("::").map(str::trim).filter(|name| !name.is_empty());
        let path: Vec<String> = before.iter().cloned().chain(names.map(str::to_owned)).collect();
        match group.strip_suffix('}') {
            Some(inner) => spread(inner, &path, found),
            None => found.push(path),
        }
    }
}

fn used_trees(code: &str) -> Vec<Vec<String>> {
    let mut found = vec![];
    for text in used(code) {
        spread(&text, &[], &mut found);
    }
    found
}

fn plain(mut path: Vec<String>) -> Vec<String> {
    if let Some(last) = path.last_mut() {
        *last = last.split(" as ").next().unwrap_or_default().trim().to_owned();
    }
    if path.last().is_some_and(|last| last == "self" || last == "*") && path.len() > 1 {
        path.pop();
    }
    path
}

fn used_paths(code: &str) -> Vec<Vec<String>> {
    used_trees(code).into_iter().map(plain).collect()
}

fn used_names(code: &str) -> BTreeMap<String, Vec<String>> {
    let named = used_trees(code).into_iter().filter_map(|tree| {
        let renamed = tree.last()?.split_once(" as ").map(|(_, name)| name.trim().to_owned());
        let is_glob = tree.last()? == "*";
        let path = plain(tree);
        let name = renamed.or_else(|| path.last().cloned())?;
        (!is_glob).then_some((name, path))
    });
    named.collect()
}

/// Paths in the code itself, such as `crate::a::B` or `c::D`.
fn written_paths(code: &str) -> Vec<Vec<String>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let paths =
        code.split(|c| !is_part(c)).map(|text| text.trim_matches(':')).filter(|text| text.contains("::"));
    paths.map(|text| text.split("::").map(str::to_owned).collect()).collect()
}
