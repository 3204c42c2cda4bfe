//! The inner shape of the crate: no file depends on itself, by whatever way round.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too, which clippy cannot see")]

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use imports::{circles, imports, sources};

#[test]
fn no_file_imports_itself_by_way_of_others() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let imports = imports(&sources);
    assert!(imports.values().map(BTreeSet::len).sum::<usize>() > 500, "hardly any import was understood");
    let circles: Vec<Vec<String>> = circles(&imports)
        .iter()
        .map(|circle| circle.iter().map(|module| module.join("::")).collect())
        .collect();
    assert!(circles.is_empty(), "these files import each other in a circle: {circles:#?}");
}

#[test]
fn no_folder_imports_itself_by_way_of_others() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut folders = imports::Imports::new();
    for (module, targets) in imports(&sources) {
        let top = |module: &Vec<String>| module.first().cloned().into_iter().collect::<Vec<String>>();
        let own = top(&module);
        let others = targets.iter().map(top).filter(|target| *target != own);
        folders.entry(own.clone()).or_default().extend(others);
    }
    let circles = circles(&folders);
    assert!(circles.is_empty(), "these folders import each other in a circle: {circles:#?}");
}

fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let module = |name: &str| name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let sources: BTreeMap<Vec<String>, String> =
        files.iter().map(|(name, text)| (module(name), (*text).to_owned())).collect();
    let imports = imports(&sources);
    circles(&imports).iter().map(|circle| circle.iter().map(|module| module.join("::")).collect()).collect()
}

#[test]
fn a_circle_is_seen_however_it_is_written() {
    let circle = vec![vec!["a".to_owned(), "b".to_owned()]];
    let plain = "use crate::b::{self, Thing};";
    for back in [
        "use crate::a::Other;",
        "use super::a;",
        "fn f() { crate::a::g() }",
        "use crate::{c::C, a::Other as B};",
    ] {
        assert_eq!(circles_of(&[("", ""), ("a", plain), ("b", back), ("c", "")]), circle, "{back}");
    }
    let through = [("", "pub use a::Other;"), ("a", plain), ("b", "use crate::Other;")];
    assert_eq!(circles_of(&through), circle, "by a re-export");
}

#[test]
fn what_is_no_import_makes_no_circle() {
    let re_export = [("a", "pub use c::C;\nmod c;"), ("a::c", "use super::d::D;"), ("a::d", "")];
    assert_eq!(circles_of(&re_export), Vec::<Vec<String>>::new(), "a parent that only re-exports");
    let words =
        "// crate::a\nfn f() -> &'static str { \"crate::a::g\" }\n#[cfg(test)]\nmod tests { use crate::a; }";
    assert_eq!(circles_of(&[("a", "use crate::b::f;"), ("b", words)]), Vec::<Vec<String>>::new());
}
