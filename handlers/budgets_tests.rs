//! `docs/budgets.md` against the code.

use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::{
    pages::{body, strangers},
    table::{Trigger, table},
};

const PAGE: &str = include_str!("../docs/budgets.md");

/// The rows of the table in a section, cell by cell.
fn rows(section: &str) -> Vec<Vec<&'static str>> {
    let (_, from) = PAGE.split_once(&format!("\n## {section}\n")).expect("the section");
    let section = from.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with("| `") || line.starts_with("| all"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_http_function_has_rows_and_every_row_a_function() {
    let functions: BTreeSet<&str> = table()
        .iter()
        .filter(|function| matches!(function.trigger, Trigger::Http { .. }))
        .map(|function| function.name)
        .collect();
    for section in ["Calls", "Bytes"] {
        let rows = rows(section);
        let named: BTreeSet<&str> = rows.iter().flat_map(|row| names(row[0])).collect();
        assert_eq!(named, functions, "{section}");
    }
}

#[test]
fn every_row_names_tests_that_exist() {
    let mut sources = String::new();
    for folder in ["handlers", "crates", "tests"] {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut sources);
    }
    for section in ["Calls", "Bytes", "Storage"] {
        for row in rows(section) {
            let tests: Vec<&str> = names(row.last().unwrap()).collect();
            assert!(!tests.is_empty(), "{row:?}");
            for test in tests {
                assert!(sources.contains(&format!("fn {test}()")), "there is no test {test}");
            }
        }
    }
}

fn read(folder: &Path, sources: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

/// The numbers of the page are those of the code.
#[test]
fn the_page_says_what_the_code_does() {
    let times = |budget: &Budget| budget.times;
    assert!(
        [CHECKS_OF_TENANT, CONSENTS_OF_TENANT, KEYS_OF_TENANT].iter().all(|budget| budget.within == HOUR)
    );
    assert!([CONSENTS, KEYS].iter().all(|budget| budget.within == 10 * MINUTE) && OPERATOR.within == MINUTE);
    let said = [
        format!("{} a minute for each address, {} a minute in all", strangers::OF_ONE, strangers::OF_ALL),
        format!("{} an hour for each tenant | `four_hundred", times(&CHECKS_OF_TENANT)),
        format!(
            "{} in 10 minutes for each onboarding, {} an hour for each tenant | `twenty",
            times(&CONSENTS),
            times(&CONSENTS_OF_TENANT)
        ),
        format!(
            "{} in 10 minutes for each onboarding, {} an hour for each tenant | `of_a_hundred",
            times(&KEYS),
            times(&KEYS_OF_TENANT)
        ),
        format!("{} a minute for each onboarding, together", times(&OPERATOR)),
        format!("holder of a link | {} KiB |", body::FORM / 1024),
        format!("marketplace | {} KiB |", body::WEBHOOK / 1024),
        format!("operator | {} KiB; {} MiB", body::FORM / 1024, body::LETTERS / 1024 / 1024),
        format!("cut off after {} seconds", body::TIME_LIMIT.as_secs()),
    ];
    for sentence in said {
        assert!(PAGE.contains(&sentence), "the page does not say: {sentence}");
    }
    let checks = checks(&crate::tests::app());
    assert_eq!((checks.times, checks.within), (1, MINUTE), "the default is what the page says");
}

/// What the host takes it reads whole, before it asks the app.
#[test]
fn the_sample_lets_the_host_take_no_longer_body_than_the_app() {
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../local.settings.sample.json")).unwrap();
    let limit = sample["Values"]["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"].as_str().unwrap();
    assert_eq!(limit.parse::<usize>().unwrap(), body::LETTERS);
    let host: serde_json::Value = serde_json::from_str(crate::package::HOST_JSON).unwrap();
    let http = &host["extensions"]["http"];
    assert_eq!((&http["maxOutstandingRequests"], &http["maxConcurrentRequests"]), (&200.into(), &100.into()));
    assert!(PAGE.contains("at most 200 requests in at a time") && PAGE.contains("at most 100 at a time"));
}
