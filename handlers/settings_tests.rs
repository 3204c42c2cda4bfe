//! What is said about settings that cannot be used.

use super::*;

#[test]
fn all_problems_are_reported_together_and_no_value_is_repeated() {
    let error = Settings::read(|name| match name {
        "LATCHKEY_VENDOR_TENANT_ID" => Some("contoso.example".to_owned()),
        "LATCHKEY_SIGNING_KEY" => Some("dG9vIHNob3J0".to_owned()),
        "LATCHKEY_SPREADING_SECONDS" => Some("half an hour".to_owned()),
        _ => None,
    })
    .unwrap_err();
    let text = error.to_string();
    for expected in [
        "ServiceBus or ServiceBus__fullyQualifiedNamespace is not set",
        "LATCHKEY_JOURNAL_URL is not set",
        "LATCHKEY_VENDOR_TENANT_ID: expected a GUID",
        "LATCHKEY_SIGNING_KEY: must be at least 32 bytes",
        "LATCHKEY_SPREADING_SECONDS: invalid digit",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains("contoso") && !text.contains("dG9v"), "{text}");
}

#[test]
fn times_that_cannot_be_kept_are_refused() {
    let check = |settings: &[(&str, &str)], expected: &[&str]| {
        let value = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let error = Settings::read(|name| value(name).map(|value| (*value).to_owned())).unwrap_err();
        let about_times = |problem: &&String| problem.contains("SECONDS");
        let found: Vec<&str> = error.0.iter().filter(about_times).map(String::as_str).collect();
        assert_eq!(found, expected, "{settings:?}");
    };
    check(&[], &[]);
    check(&[("LATCHKEY_CHECK_FIRST_SECONDS", "2592000")], &[]);
    check(&[("LATCHKEY_CHECK_FIRST_SECONDS", "2592001")], &["LATCHKEY_CHECK_FIRST_SECONDS: at most 30 days"]);
    check(
        &[("LATCHKEY_RETRY_LONGEST_MILLISECONDS", "18446744073709551615")],
        &["LATCHKEY_RETRY_LONGEST_MILLISECONDS: at most 30 days"],
    );
}

#[test]
fn a_grace_policy_is_one_that_can_be_kept() {
    let said = |policy: &str| {
        let error = Settings::read(|name| (name == "LATCHKEY_GRACE_POLICY").then(|| policy.to_owned()));
        error.unwrap_err().0.into_iter().find(|problem| problem.contains("GRACE_POLICY"))
    };
    for policy in ["", "alerts-only", "suspend", "deallocate", "offboard"] {
        assert_eq!(said(policy), None, "{policy}");
    }
    assert!(said("delete").unwrap().contains("expected alerts-only, suspend, deallocate or offboard"));
}

/// The settings that a duration must be compared with, and what is said when it does not go with them.
#[test]
fn durations_that_do_not_go_together_are_reported_together() {
    let check = |settings: &[(&str, &str)], expected: &[&str]| {
        let value = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let error = Settings::read(|name| value(name).map(|value| (*value).to_owned())).unwrap_err();
        let about_two = |problem: &&String| problem.matches("SECONDS").count() == 2;
        let found: Vec<&str> = error.0.iter().filter(about_two).map(String::as_str).collect();
        assert_eq!(found, expected, "{settings:?}");
    };
    check(&[], &[]);
    check(&[(RETRY_FIRST, "300000")], &[]);
    check(&[(NOTICE, "86400")], &[]);
    check(
        &[(NOTICE, "86401")],
        &["LATCHKEY_GRACE_NOTICE_SECONDS (86401s) must not be longer than \
           LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS (86400s)"],
    );
    check(
        &[(SUSPEND_AFTER, "259200")],
        &["LATCHKEY_GRACE_SUSPEND_AFTER_SECONDS (259200s) must be shorter than \
           LATCHKEY_GRACE_DEALLOCATE_AFTER_SECONDS (259200s)"],
    );
    check(
        &[(RETRY_FIRST, "300001")],
        &["LATCHKEY_RETRY_FIRST_MILLISECONDS (300.001s) must not be longer than \
           LATCHKEY_RETRY_LONGEST_MILLISECONDS (300s)"],
    );
    check(
        &[(RETRY_DEADLINE, "300")],
        &[
            "LATCHKEY_RETRY_LONGEST_MILLISECONDS (300s) must be shorter than LATCHKEY_RETRY_DEADLINE_SECONDS (300s)",
            "LATCHKEY_SPREADING_SECONDS (1800s) must be shorter than LATCHKEY_RETRY_DEADLINE_SECONDS (300s)",
        ],
    );
    check(&[(SPREADING, "86399")], &[]);
    check(&[(RETRY_DEADLINE, "soon"), (SPREADING, "86400")], &[]);
}

/// What `local.settings.sample.json` sets.
fn sample() -> std::collections::BTreeMap<String, String> {
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../local.settings.sample.json")).unwrap();
    serde_json::from_value(sample["Values"].clone()).unwrap()
}

#[test]
fn the_sample_has_every_setting_that_the_app_reads() {
    let asked = std::cell::RefCell::new(vec![]);
    let nothing = Settings::read(|name| {
        asked.borrow_mut().push(name.to_owned());
        None
    });
    assert!(nothing.is_err());
    let mut names = asked.into_inner();
    // A connection string takes the place of the namespace; a sample can only have one of them.
    names.retain(|name| name != "ServiceBus");
    for function in crate::table() {
        if let crate::table::Trigger::Timer { schedule } = function.trigger {
            names.extend(
                schedule.strip_prefix('%').and_then(|name| name.strip_suffix('%')).map(str::to_owned),
            );
        }
    }
    names.extend(settings_of_the_runtime());
    assert!(names.len() > 20, "{names:?}");
    let sample = sample();
    names.retain(|name| !sample.contains_key(name));
    assert_eq!(names, Vec::<String>::new(), "not in the sample");
}

/// The runtime's own settings, as its sources name them. OpenTelemetry's variables are not ours to list.
fn settings_of_the_runtime() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/custom-handler/src");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|file| file.is_file()).map(|file| std::fs::read_to_string(file).unwrap());
    let is_ours = |name: &str| {
        (name.starts_with("CUSTOM_HANDLER_") || name.starts_with("LOG_"))
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    let named = texts.flat_map(|text| text.split('"').map(str::to_owned).collect::<Vec<_>>());
    named.filter(|name| is_ours(name)).collect()
}

/// As App Service would hand it over: the reference to a secret is replaced by the secret.
#[test]
fn the_app_can_start_with_the_sample() {
    let sample = sample();
    let secret = || STANDARD.encode([7; 32]);
    let read = Settings::read(|name| {
        let value = sample.get(name)?;
        Some(if value.starts_with("@Microsoft.KeyVault(") { secret() } else { value.clone() })
    });
    assert!(read.is_ok(), "{read:?}");
}
