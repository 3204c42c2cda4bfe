//! The runbook has one section for each finding and each reason, and says of each what the code says.

use std::collections::{BTreeMap, BTreeSet};

use onboarding::{
    Reason, Replay, Stops,
    finding::{Code, Owner},
    preflight::{Holds, LIMITS},
};

const RUNBOOK: &str = include_str!("../../../docs/runbook.md");
const ADDRESS: &str = "docs/runbook.md#";

/// The sections of headings of the third level, by their anchor on GitHub.
fn sections() -> BTreeMap<String, String> {
    let mut sections = BTreeMap::new();
    for part in RUNBOOK.split("\n### ").skip(1) {
        let (heading, text) = part.split_once('\n').unwrap_or((part, ""));
        let text = text.split("\n## ").next().unwrap_or_default();
        let earlier = sections.insert(anchor_of(heading), text.to_owned());
        assert_eq!(earlier, None, "two sections are named {heading}");
    }
    sections
}

/// GitHub: lower case, hyphens for spaces, without punctuation.
fn anchor_of(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The section that a page leads to.
fn section_of<'a>(sections: &'a BTreeMap<String, String>, page: &str) -> &'a str {
    let anchor = page.strip_prefix(ADDRESS).unwrap_or_else(|| panic!("{page} is not in the runbook"));
    sections.get(anchor).unwrap_or_else(|| panic!("the runbook has no section {anchor}"))
}

fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Customer => "- **Owner:** customer\n",
        Owner::Vendor => "- **Owner:** vendor\n",
        Owner::Azure => "- **Owner:** Azure\n",
    }
}

fn stops(stops: Stops) -> &'static str {
    match stops {
        Stops::Nothing => "nothing",
        Stops::Chain => "the onboarding",
        Stops::Journal => "everything about the onboarding",
    }
}

fn replay(replay: Replay) -> &'static str {
    match replay {
        Replay::Never => "- **Replay:** never helps.\n",
        Replay::OnceOpened => "- **Replay:** once the onboarding exists.\n",
        Replay::OnceMended => "- **Replay:** once the cause is fixed.\n",
        Replay::OnceReadable => "- **Replay:** once the journal can be read.\n",
        Replay::OnceKeyWorks => {
            "- **Replay:** once the key works, for a step that depends on the customer's key; at any time for another.\n"
        }
    }
}

#[test]
fn every_finding_has_a_section_that_names_its_owner() {
    let sections = sections();
    for code in Code::ALL {
        let section = section_of(&sections, &code.runbook());
        assert!(section.contains(owner(code.owner())), "{code:?}");
        for label in ["**Seen", "fix", "**Meanwhile:**"] {
            assert!(section.to_lowercase().contains(&label.to_lowercase()), "{code:?}: {label}");
        }
    }
}

#[test]
fn every_reason_has_a_section_that_says_what_stops_and_whether_a_replay_helps() {
    let sections = sections();
    for reason in Reason::ALL {
        let section = section_of(&sections, reason.runbook());
        assert!(section.contains(replay(reason.replay())), "{reason}: {}", replay(reason.replay()));
        // Reasons that share a section are told apart in a table.
        if Reason::ALL.iter().filter(|other| other.runbook() == reason.runbook()).count() > 1 {
            assert!(section.contains(&format!("| `{reason}` |")), "{reason}");
        } else {
            let line = format!("- **Stops:** {}\n", stops(reason.stops()));
            assert!(section.contains(&line), "{reason}: {line}");
        }
    }
}

#[test]
fn every_limit_of_azure_stands_there_with_each_date_and_source() {
    let mut rows = 0;
    for limit in &LIMITS {
        for reading in limit.readings {
            let holds = match reading.holds {
                Holds::Everywhere => "everywhere".to_owned(),
                Holds::In(regions) => regions.join(", "),
                Holds::Nowhere => "nowhere".to_owned(),
            };
            let start = format!("| {} | {} | {holds} | [", limit.says, reading.on);
            let row = RUNBOOK.lines().find(|line| line.starts_with(&start));
            let row = row.unwrap_or_else(|| panic!("the runbook has no row {start}"));
            assert!(row.ends_with(&format!("]({}) |", reading.source)), "{row}");
            rows += 1;
        }
    }
    let table = RUNBOOK.split("| limit | read | holds | source |").nth(1).unwrap_or_default();
    let there = table.lines().skip(2).take_while(|line| line.starts_with('|')).count();
    assert_eq!(there, rows, "a row that no limit has");
}

#[test]
fn no_section_is_left_over() {
    let pages = Code::ALL.iter().map(|code| code.runbook());
    let pages = pages.chain(Reason::ALL.iter().map(|reason| reason.runbook().to_owned()));
    let expected: BTreeSet<String> =
        pages.map(|page| page.strip_prefix(ADDRESS).unwrap_or_default().to_owned()).collect();
    assert_eq!(sections().into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn every_link_within_the_runbook_leads_to_a_heading() {
    let headings: BTreeSet<String> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### ")))
        .map(anchor_of)
        .collect();
    for link in RUNBOOK.split("](#").skip(1).filter_map(|rest| rest.split(')').next()) {
        assert!(headings.contains(link), "#{link}");
    }
}
