//! Where each behaviour of this simulation comes from, and the test that shows it.
//!
//! Nobody should have to take the sandbox's word for what Azure does. One row is one behaviour; its evidence is the
//! strongest that is known. What rests on nothing but our guess says so here and beside the code that does it, and a test
//! holds the two together.

mod answers;
mod deployments;
mod graph;
mod hsm;
mod identity;
mod keys;
mod limits;
mod machines;
mod marketplace;
mod own;
mod resources;
mod sign_in;
mod vault;

use serde::Serialize;

/// What a behaviour rests on, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// Seen in traffic of the real Azure that Microsoft has published with its own tests.
    Recorded,
    /// In Microsoft's API descriptions or a standard.
    Specified,
    /// In Microsoft's documentation.
    Documented,
    /// Told by users, or by Microsoft's staff in public threads.
    Reported,
    /// None of these: what seems likely, or is harmless if wrong.
    OurGuess,
}

/// One behaviour.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Behaviour {
    /// The service it belongs to.
    pub area: &'static str,
    /// What the simulation does.
    pub behaviour: &'static str,
    /// What that rests on.
    pub evidence: Evidence,
    /// Where it can be read.
    pub source: &'static str,
    /// The file that does it, below `local/sandbox/src`.
    pub place: &'static str,
    /// The test that shows it; none where a test could only repeat the text.
    pub test: Option<&'static str>,
}

/// A row as its table writes it: behaviour, evidence, source, place, test.
type Row = (&'static str, Evidence, &'static str, &'static str, &'static str);

/// Every behaviour, service by service.
pub fn behaviours() -> Vec<Behaviour> {
    [
        ("Entra", identity::ENTRA),
        ("People signing in", sign_in::SIGN_IN),
        ("Graph", graph::GRAPH),
        ("Managed identity", graph::MANAGED_IDENTITY),
        ("Resource Manager", resources::GATEWAY),
        ("Resource Manager's answers", answers::ANSWERS),
        ("Names and source vaults", answers::INPUT),
        ("Limits", limits::LIMITS),
        ("Deployments", deployments::DEPLOYMENTS),
        ("Disk encryption sets", resources::SETS),
        ("Disks", resources::DISKS),
        ("Snapshots, machines, groups", machines::MACHINES),
        ("Vaults", vault::VAULTS),
        ("Keys", keys::KEYS),
        ("Rotation of keys", keys::ROTATION),
        ("Managed HSMs", hsm::HSMS),
        ("Event Grid", vault::EVENTS),
        ("Marketplace", marketplace::MARKETPLACE),
        ("The sandbox itself", own::OWN),
    ]
    .into_iter()
    .flat_map(|(area, rows)| rows.iter().map(move |row| of(area, *row)))
    .collect()
}

fn of(area: &'static str, (behaviour, evidence, source, place, test): Row) -> Behaviour {
    let test = (!test.is_empty()).then_some(test);
    Behaviour { area, behaviour, evidence, source, place, test }
}

impl Evidence {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Specified => "specified",
            Self::Documented => "documented",
            Self::Reported => "reported",
            Self::OurGuess => "our guess",
        }
    }
}

/// The table for a terminal.
pub fn text() -> String {
    let mut text = String::new();
    for (area, rows) in by_area() {
        text.push_str(&format!("{area}\n"));
        for row in rows {
            let test = row.test.unwrap_or("-");
            text.push_str(&format!(
                "  {:<10}  {}\n              {}; {}; test: {test}\n",
                row.evidence.name(),
                row.behaviour,
                row.source,
                row.place
            ));
        }
        text.push('\n');
    }
    text.push_str(&counts());
    text
}

/// The table as the page `docs/sandbox-evidence.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Where the sandbox's behaviours come from\n\n\
         Generated from the table in `local/sandbox/src/evidence` by `cargo latchkey sandbox evidence --markdown`; a test \
         compares the two.\n\n\
         | mark | meaning |\n|---|---|\n\
         | recorded | seen in traffic of the real Azure that Microsoft has published with its own tests |\n\
         | specified | in Microsoft's API descriptions or a standard |\n\
         | documented | in Microsoft's documentation |\n\
         | reported | told by users, or by Microsoft's staff in public threads |\n\
         | our guess | none of these: what seems likely, or is harmless if wrong |\n\n",
    );
    text.push_str(&counts());
    for (area, rows) in by_area() {
        text.push_str(&format!(
            "\n## {area}\n\n| behaviour | evidence | source | code | test |\n|---|---|---|---|---|\n"
        ));
        for row in rows {
            let test = row.test.map_or_else(|| "—".to_owned(), |test| format!("`{test}`"));
            let cell = |text: &str| text.replace('|', "\\|");
            text.push_str(&format!(
                "| {} | {} | {} | `{}` | {test} |\n",
                cell(row.behaviour),
                row.evidence.name(),
                cell(row.source),
                row.place
            ));
        }
    }
    text
}

fn by_area() -> Vec<(&'static str, Vec<Behaviour>)> {
    let mut areas: Vec<(&'static str, Vec<Behaviour>)> = Vec::new();
    for row in behaviours() {
        match areas.last_mut() {
            Some((area, rows)) if *area == row.area => rows.push(row),
            _ => areas.push((row.area, vec![row])),
        }
    }
    areas
}

fn counts() -> String {
    let all = behaviours();
    let count = |evidence: Evidence| {
        let number = all.iter().filter(|row| row.evidence == evidence).count();
        format!("{number} {}", evidence.name())
    };
    let each = [
        Evidence::Recorded,
        Evidence::Specified,
        Evidence::Documented,
        Evidence::Reported,
        Evidence::OurGuess,
    ];
    format!("{} behaviours: {}.\n", all.len(), each.map(count).join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

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
            assert!(root.join("src").join(row.place).is_file(), "{}: no file {}", row.behaviour, row.place);
            if let Some(test) = row.test {
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
            .map(|row| row.place)
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
            assert!(seen.insert((row.area, row.behaviour)), "{}", row.behaviour);
        }
    }
}
