//! Who imports whom, read from the sources of everything that is deployed or installed: no function imports another, and
//! no modules import each other in a circle.

#![expect(clippy::unwrap_used, reason = "a test that meets an error it does not expect has failed")]

mod imports;
mod sources;

use std::path::{Path, PathBuf};

use imports::{Imports, Module};
use sources::Sources;

/// The library of every crate of the product, and the crate's name.
fn libraries() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut libraries = vec![("latchkey-functions".to_owned(), root.join("handlers/lib.rs"))];
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let library = folder.join("src/lib.rs");
        if library.is_file() {
            libraries.push((folder.file_name().unwrap().to_str().unwrap().to_owned(), library));
        }
    }
    libraries.sort();
    libraries
}

#[test]
fn no_modules_of_the_product_import_each_other_in_a_circle() {
    for (name, library) in libraries() {
        let circles = Imports::of(&Sources::read(&library)).circles();
        assert!(circles.is_empty(), "{name}: {circles:?}");
    }
}

#[test]
fn no_function_imports_another() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("handlers/lib.rs");
    let imports = Imports::of(&Sources::read(&library));
    let functions = imports.modules().filter(|module| function_of(module).is_some()).count();
    assert!(functions > 10, "the functions were not found");
    assert_eq!(between_functions(&imports), Vec::<(String, String)>::new());
}

/// The function whose folder a module is in.
fn function_of(module: &Module) -> Option<&str> {
    match module.as_slice() {
        [functions, name, ..] if functions == "functions" => Some(name),
        _ => None,
    }
}

fn between_functions(imports: &Imports) -> Vec<(String, String)> {
    let name = |module| function_of(module).map(str::to_owned);
    let pairs = imports.all().filter_map(|(from, to)| Some((name(from)?, name(to)?)));
    pairs.filter(|(from, to)| from != to).collect()
}

/// What the two tests above would find.
mod what_is_found {
    use super::*;

    fn imports(sources: &[(&str, &str)]) -> Imports {
        Imports::of(&Sources::written(sources))
    }

    fn check(sources: &[(&str, &str)], expected: &[&str]) {
        let circles = imports(sources).circles();
        let found: Vec<String> = circles.iter().map(|circle| circle.join(" ")).collect();
        assert_eq!(found, expected, "{sources:?}");
    }

    #[test]
    fn a_circle_is_found_in_every_way_to_write_an_import() {
        for a in [
            "use crate::b::B;",
            "use super::b;",
            "use crate::{\n    b::{B, C},\n};",
            "pub(crate) use crate::b::*;",
            "fn f() -> crate::b::B {}",
            "use crate::B;",
        ] {
            let root = ("", "mod a;\nmod b;\npub use b::B;");
            check(&[root, ("a", a), ("b", "use crate::a::A;")], &["a b"]);
        }
    }

    /// Through a module that only hands an item on.
    #[test]
    fn a_re_export_hides_nothing() {
        let root = ("", "mod a;\nmod b;\nmod c;");
        let c = ("c", "pub use crate::b::B;");
        check(&[root, ("a", "use crate::c;\nfn f(b: c::B) {}"), ("b", "use crate::a::A;"), c], &["a b c"]);
    }

    #[test]
    fn a_circle_of_three_is_one_circle() {
        let root = ("", "mod a; mod b; mod c;");
        check(&[root, ("a", "use crate::b;"), ("b", "use crate::c;"), ("c", "use crate::a;")], &["a b c"]);
    }

    #[test]
    fn comments_tests_and_a_modules_own_folder_make_no_circle() {
        let root = ("", "mod a;\nmod b;");
        for a in [
            "// use crate::b;",
            "/// As [`crate::b::B`].",
            "#[cfg(test)]\nmod tests {\n    use crate::b;\n}",
            "use std::b::B;",
            "mod c;\npub use c::C;",
        ] {
            let c = ("a::c", "use super::A;");
            check(&[root, ("a", a), c, ("b", "use crate::a::A;")], &[]);
        }
    }

    #[test]
    fn an_import_between_functions_is_found() {
        let root = ("", "mod functions;");
        let found = |one| {
            let two = ("functions::two", "mod view;");
            let view = ("functions::two::view", "");
            between_functions(&imports(&[root, ("functions", ""), ("functions::one", one), two, view]))
        };
        assert_eq!(found("use crate::functions::two::view::page;"), [("one".to_owned(), "two".to_owned())]);
        assert_eq!(found("use super::two::handle;"), [("one".to_owned(), "two".to_owned())]);
        assert_eq!(found("use super::super::step;"), []);
    }
}
