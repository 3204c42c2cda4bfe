//! Which file of a crate takes something from which other, read from its source as text.
//!
//! A module is a file. What counts is every path in code that begins with `crate`, `super`, `self` or the name of a child
//! module, in a `use` or elsewhere. A re-export (`pub use`) is no import of its own: whoever uses it is taken to use the file
//! in which the thing is defined. Comments, texts and the tests inside a file are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module's path from the root of the crate, such as `["arm", "limits"]`.
type Module = Vec<String>;

/// The imports of a crate: from each module the modules that it takes something from.
pub(crate) type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// The source of every module below a folder.
pub(crate) fn sources(src: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(src.to_owned(), Vec::new())];
    while let Some((folder, module)) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                folders.push((path, [module.clone(), vec![name]].concat()));
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let own = if ["mod", "lib"].contains(&&*name) { Vec::new() } else { vec![name] };
                found.insert([module.clone(), own].concat(), fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// The imports of these modules.
pub(crate) fn imports(sources: &BTreeMap<Module, String>) -> Imports {
    let mut used: BTreeMap<&Module, Vec<Module>> = BTreeMap::new();
    let mut re_exports = BTreeMap::new();
    for (module, source) in sources {
        let mut code = code_of(source);
        while let Some((start, end, public, tree)) = next_use(&code) {
            for path in leaves(&tree) {
                let (path, alias) = path.split_once(" as ").unwrap_or((&path, ""));
                let Some(path) = from_root(sources, module, path) else { continue };
                let name =
                    if alias.is_empty() { path.last().cloned().unwrap_or_default() } else { alias.into() };
                if public {
                    re_exports.insert((module.clone(), name), path);
                } else {
                    used.entry(module).or_default().push(path);
                }
            }
            code.replace_range(start..end, "");
        }
        let inline = paths_in(&code);
        used.entry(module)
            .or_default()
            .extend(inline.iter().filter_map(|path| from_root(sources, module, path)));
    }
    used.into_iter()
        .map(|(module, paths)| {
            let targets = paths.into_iter().map(|path| defined_in(sources, &re_exports, path));
            (module.clone(), targets.filter(|target| target != module).collect())
        })
        .collect()
}

/// Groups of modules that reach each other, the largest first.
pub(crate) fn circles(imports: &Imports) -> Vec<BTreeSet<&Module>> {
    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(module) = next.pop() {
            for target in imports.get(&module).into_iter().flatten() {
                if seen.insert(target.clone()) {
                    next.push(target.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        imports.keys().map(|one| (one, reached(one))).collect();
    let circles: BTreeSet<BTreeSet<&Module>> = reached
        .iter()
        .filter(|(module, targets)| targets.contains(**module))
        .map(|(module, targets)| {
            reached
                .keys()
                .copied()
                .filter(|other| targets.contains(*other) && reached[other].contains(*module))
                .collect()
        })
        .collect();
    let mut circles: Vec<_> = circles.into_iter().collect();
    circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    circles
}

/// The code without comments, texts and the tests inside it.
fn code_of(source: &str) -> String {
    // The tests of a file are its end.
    let tests =
        source.match_indices("\n#[cfg(test)]\n").find(|(at, _)| source[*at..].contains("mod tests {"));
    let source = tests.map_or(source, |(at, _)| &source[..at]);
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::new();
    for line in lines {
        let mut in_text = false;
        let mut escaped = false;
        for letter in line.chars() {
            match letter {
                '"' if !escaped => in_text = !in_text,
                _ if in_text => {}
                _ => code.push(letter),
            }
            escaped = letter == '\\' && !escaped;
        }
        code.push('\n');
    }
    code
}

/// The next `use`: where it begins and ends, whether it is public, and what it names.
fn next_use(code: &str) -> Option<(usize, usize, bool, String)> {
    let mut at = 0;
    for line in code.split_inclusive('\n') {
        let text = line.trim_start();
        let rest = text.strip_prefix("pub").map_or(text, |rest| {
            rest.strip_prefix('(')
                .map_or(rest, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest))
                .trim_start()
        });
        if rest.starts_with("use ") {
            let end = at + code[at..].find(';')? + 1;
            let tree = code[at..end].split_once("use ")?.1.trim_end_matches(';').to_owned();
            return Some((at, end, text.starts_with("pub"), tree));
        }
        at += line.len();
    }
    None
}

/// The single paths of a `use`, braces opened.
fn leaves(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((start, rest)) = tree.split_once('{') else {
        return vec![tree.trim_end_matches("::self").split_whitespace().collect::<Vec<_>>().join(" ")];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for letter in inside.chars() {
        match letter {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            _ => {
                depth += i32::from(letter == '{') - i32::from(letter == '}');
                part.push(letter);
            }
        }
    }
    parts.push(part);
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| leaves(&format!("{start}{}", part.trim()))).collect()
}

/// Every path in code outside a `use`. How far something can be seen, `pub(in crate::arm)`, is none.
fn paths_in(code: &str) -> Vec<String> {
    let (first, others) = code.split_once("pub(in ").unwrap_or((code, ""));
    let others = others.split("pub(in ").map(|part| part.split_once(')').map_or("", |(_, rest)| rest));
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let words =
        std::iter::once(first).chain(others).flat_map(|part| part.split(move |letter| !is_part(letter)));
    words.filter(|word| word.contains("::")).map(|word| word.trim_matches(':').to_owned()).collect()
}

/// A path from the root of the crate; none where it leads out of the crate.
fn from_root(sources: &BTreeMap<Module, String>, module: &Module, path: &str) -> Option<Module> {
    let mut parts: Vec<String> = path.split("::").map(str::to_owned).filter(|part| part != "self").collect();
    if path.starts_with("crate::") {
        return Some(parts.split_off(1));
    }
    let mut base = module.clone();
    let climbs = parts.iter().take_while(|part| *part == "super").count();
    base.truncate(base.len().checked_sub(climbs)?);
    let whole = [base, parts.split_off(climbs)].concat();
    let child = [
        module.as_slice(),
        whole.get(module.len()..).and_then(|rest| rest.first().map(std::slice::from_ref)).unwrap_or_default(),
    ]
    .concat();
    let is_own = climbs > 0
        || path.starts_with("self::")
        || (child.len() > module.len() && sources.contains_key(&child));
    is_own.then_some(whole)
}

/// The module in which what a path names is defined.
fn defined_in(
    sources: &BTreeMap<Module, String>,
    re_exports: &BTreeMap<(Module, String), Module>,
    mut path: Module,
) -> Module {
    // A chain of re-exports is short; one that leads back to itself would not compile.
    for _ in 0..8 {
        let mut module = Module::new();
        let mut rest = path.as_slice();
        while let [next, after @ ..] = rest {
            let deeper = [module.clone(), vec![next.clone()]].concat();
            if !sources.contains_key(&deeper) {
                break;
            }
            (module, rest) = (deeper, after);
        }
        match rest
            .split_first()
            .and_then(|(name, after)| Some((re_exports.get(&(module.clone(), name.clone()))?, after)))
        {
            Some((target, after)) => path = [target.clone(), after.to_vec()].concat(),
            None => return module,
        }
    }
    path
}
