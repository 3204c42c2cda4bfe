//! What holds the table, the code and the page together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Evidence, behaviours, markdown};

fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(sources(&path)),
            false if path.extension().is_some_and(|kind| kind == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

fn package() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_row_names_a_file_and_a_test_that_exist() {
    let root = package();
    let texts: String = ["src", "tests"]
        .into_iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    for row in behaviours() {
        assert!(root.join("src").join(&row.place).is_file(), "{}: no file {}", row.behaviour, row.place);
        if let Some(test) = &row.test {
            assert!(texts.contains(&format!("fn {test}()")), "{}: no test {test}", row.behaviour);
        }
    }
}

#[test]
fn every_file_with_a_guess_has_a_row_and_every_guess_is_marked_in_its_file() {
    let src = package().join("src");
    let guesses: BTreeSet<&str> = behaviours()
        .iter()
        .filter(|row| row.evidence == Evidence::OurGuess)
        .map(|row| row.place.as_str())
        .collect();
    let says_so =
        |place: &str| fs::read_to_string(src.join(place)).unwrap().to_lowercase().contains("our guess");
    for place in &guesses {
        assert!(says_so(place), "{place} does not say that it guesses");
    }
    // This one speaks of the mark and guesses nothing itself.
    let about = ["lib.rs"];
    for file in sources(&src) {
        let place = file.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        if place.starts_with("evidence/") || about.contains(&&*place) || !says_so(&place) {
            continue;
        }
        assert!(guesses.contains(&*place), "{place} guesses, and no row of the evidence says so");
    }
}

#[test]
fn the_page_in_the_docs_is_the_table_in_the_code() {
    let page = package().join("../../docs/sandbox-evidence.md");
    let kept = fs::read_to_string(page).unwrap_or_default();
    let fresh = markdown();
    assert!(
        kept == fresh,
        "docs/sandbox-evidence.md is out of date; run: cargo latchkey sandbox evidence --markdown > docs/sandbox-evidence.md"
    );
}

#[test]
fn no_behaviour_is_told_twice() {
    let mut seen = BTreeSet::new();
    for row in behaviours() {
        assert!(seen.insert((&row.area, &row.behaviour)), "{}", row.behaviour);
    }
}
