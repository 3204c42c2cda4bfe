//! The report of `latchkey doctor`, for people: what is wrong first.

use super::{Check, Health, Verdict};
use crate::output::{harmless, table};

pub(super) fn report(health: &Health) -> String {
    let mut checks: Vec<&Check> = health.checks.iter().collect();
    checks.sort_by_key(|check| check.is);
    let rows: Vec<Vec<String>> = checks
        .iter()
        .map(|check| vec![verdict(check.is).to_owned(), harmless(&check.check), harmless(&check.saw)])
        .collect();
    let mut text = table(&["IS", "CHECK", "WHAT WAS SEEN"], &rows);
    for check in &checks {
        let (Some(owner), Some(mend)) = (&check.owner, &check.mend) else { continue };
        let owner = owner.replace('-', " ");
        text.push_str(&format!("\n\n{} ({}): {}", harmless(&check.check), harmless(&owner), harmless(mend)));
    }
    text.push_str(&format!("\n\n{}", summary(&health.checks)));
    if !health.version.is_empty() {
        text.push_str(&format!("; version {}", harmless(&health.version)));
    }
    text
}

pub(super) fn summary(checks: &[Check]) -> String {
    let count = |is: Verdict| checks.iter().filter(|check| check.is == is).count();
    let (wrong, good) = (count(Verdict::Wrong), count(Verdict::Good));
    let noted = match count(Verdict::Noted) {
        0 => String::new(),
        noted => format!(", {noted} worth knowing"),
    };
    format!("{good} good, {wrong} wrong{noted}, {} not checked", count(Verdict::NotChecked))
}

fn verdict(is: Verdict) -> &'static str {
    match is {
        Verdict::Good => "good",
        Verdict::Wrong => "WRONG",
        Verdict::Noted => "worth knowing",
        Verdict::NotChecked => "not checked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_first_with_who_can_mend_it_and_how() {
        let checks = vec![
            Check::good("journal", "it works"),
            Check::not_checked("evidence-key", "not set"),
            Check::noted("signing-key", "400 days old", "deployer", "Rotate it."),
            Check::wrong("disks-role", "not allowed: disks/write", "azure-administrator", "Assign the role."),
        ];
        let (at, version) = ("2026-01-01T00:00:00Z".to_owned(), "0.1.0".to_owned());
        let text = report(&Health { at, version, public_url: String::new(), checks });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with("WRONG") && lines[1].contains("disks-role"), "{text}");
        assert!(lines[2].starts_with("worth knowing") && lines[2].contains("signing-key"), "{text}");
        assert!(lines[4].starts_with("good"), "{text}");
        assert!(text.contains("signing-key (deployer): Rotate it."), "{text}");
        assert!(text.contains("disks-role (azure administrator): Assign the role."), "{text}");
        assert!(text.ends_with("1 good, 1 wrong, 1 worth knowing, 1 not checked; version 0.1.0"), "{text}");
    }
}
