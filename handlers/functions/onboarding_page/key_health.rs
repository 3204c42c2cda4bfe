//! What the watch knows of the key: for the customer, who wants to know what was seen, since when, and what is next.

use maud::{Markup, html};
use onboarding::{Onboarding, finding::Code, watched::Seen};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339, macros::format_description};

use crate::{App, pages::ladder};

/// Microsoft Learn, "Server-side encryption of Azure Disk Storage", as of April 2026.
const DOCUMENTED: &str = "https://learn.microsoft.com/azure/virtual-machines/disk-encryption";

/// For machines; `null` when nothing is watched.
pub(super) fn json(app: &App, onboarding: &Onboarding, seen: &Seen) -> Value {
    if !onboarding.is_watched() {
        return Value::Null;
    }
    let wrong = onboarding.wrong_with_key();
    json!({
        "code": wrong.map(|wrong| wrong.finding.code()),
        "since": wrong.and_then(|wrong| wrong.since.format(&Rfc3339).ok()),
        "lastWorked": seen.worked_at.and_then(|at| at.format(&Rfc3339).ok()),
        "lastChecked": seen.looked_at.and_then(|at| at.format(&Rfc3339).ok()),
        "lastFound": seen.found,
        "checkedEverySeconds": app.settings.watch.as_secs(),
        "nextInAzure": wrong.map(|wrong| next_in_azure(wrong.finding.code())),
    })
}

/// For people; nothing when nothing is watched.
pub(super) fn section(app: &App, onboarding: &Onboarding, seen: &Seen) -> Markup {
    if !onboarding.is_watched() {
        return html! {};
    }
    let wrong = onboarding.wrong_with_key();
    html! {
        @if let Some(wrong) = wrong {
            p { "Latchkey found this twice in a row, first at " (shown(wrong.since)) "." }
            h2 { "What happens next in Azure" }
            @for sentence in next_in_azure(wrong.finding.code()) { p { (sentence) } }
            p { a href=(DOCUMENTED) { "Azure's documentation of customer-managed keys" } }
            h2 { "What Latchkey does" }
            p { (how_it_is_checked(app.settings.watch.as_secs())) }
            @for sentence in ladder::outlook(&app.settings.grace, onboarding, app.clock.now()) { p { (sentence) } }
        }
        @if let Some(at) = seen.worked_at { p { "Latchkey last used your key successfully at " (shown(at)) "." } }
        @if let (Some(at), Some(code)) = (seen.looked_at, seen.found) {
            p { "The last check that somebody asked for was at " (shown(at)) " and found: " (code.name()) "." }
        }
    }
}

/// What Azure's documentation says, what it does not say, and what is disputed.
fn next_in_azure(code: Code) -> Vec<&'static str> {
    match code {
        Code::KeyDisabled | Code::KeyDeleted | Code::KeyNotFound => vec![
            "Azure's documentation says: when a key is disabled or deleted, virtual machines with disks that use it are \
             shut down automatically, and disk I/O generally starts to fail one hour later. The machines do not start \
             until the key is enabled again or another key is assigned.",
            "No data is deleted by this. A deleted key can be recovered as long as it is not purged.",
        ],
        Code::KeyExpired | Code::KeyNotYetValid => vec![
            "Azure's documentation says that virtual machines are shut down automatically after a key has expired, and that \
             disk I/O generally starts to fail one hour later.",
            "Users report otherwise: running machines continue, and fail when they are stopped and started again. Key Vault \
             itself still unwraps with an expired key. Do not rely on either.",
        ],
        code if code.key_is() == onboarding::finding::KeyIs::Revoked => vec![
            "Azure's documentation gives no time for this case. It says that, when a key is disabled, deleted or expired, \
             virtual machines are shut down automatically and disk I/O generally starts to fail one hour later. Expect the \
             same.",
        ],
        _ => vec![
            "Nothing, as far as is known: Azure's disk service reaches the key vault in a way of its own. That Latchkey \
             cannot check the key says nothing about the key or the disks.",
        ],
    }
}

fn how_it_is_checked(seconds: u64) -> String {
    let every =
        if seconds >= 120 { format!("{} minutes", seconds / 60) } else { format!("{seconds} seconds") };
    format!(
        "Latchkey checks the key every {every}, and at once when you select \"Check again\". When the key works again, this \
         page says so. You do not have to tell anybody."
    )
}

fn shown(at: OffsetDateTime) -> String {
    let minutes = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.to_offset(time::UtcOffset::UTC).format(minutes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onboarding::{
        Fact, OnboardingId,
        grace::{GracePolicy, GraceRules},
    };

    use super::*;
    use crate::{
        settings::Settings,
        test_support::{append, revoked},
    };

    /// What is documented is said as documented, and what is not is not made up.
    #[test]
    fn each_finding_about_a_key_in_use_says_what_happens_next() {
        for code in Code::ALL {
            let said = next_in_azure(*code).join(" ");
            let promises_an_hour = said.contains("one hour later");
            let is_revoked = code.key_is() == onboarding::finding::KeyIs::Revoked;
            assert_eq!(promises_an_hour, is_revoked, "{code:?}: {said}");
            assert!(!promises_an_hour || said.contains("Azure's documentation"), "{code:?}: {said}");
        }
        assert!(next_in_azure(Code::GrantMissing)[0].contains("gives no time"));
        assert!(next_in_azure(Code::KeyExpired)[1].contains("Users report otherwise"));
    }

    #[test]
    fn times_are_shown_to_the_minute() {
        assert_eq!(shown(crate::test_support::NOW), "2026-02-01 12:00 UTC");
        assert!(how_it_is_checked(900).contains("every 15 minutes"));
    }

    /// What the vendor's settings will do to the customer is said before it happens, and what they will not do is not.
    #[tokio::test]
    async fn a_revoked_onboarding_says_what_the_ladder_will_do_as_far_as_it_goes() {
        let mut app = crate::tests::app();
        let id = revoked(&mut app).await;
        let (not_suspended, suspend, stop) =
            ("service is not suspended", "will suspend the service", "will stop the virtual machines");
        let policies = [
            (GracePolicy::AlertsOnly, vec![not_suspended]),
            (GracePolicy::Suspend, vec![suspend]),
            (GracePolicy::Deallocate, vec![suspend, stop]),
        ];
        for (policy, expected) in policies {
            app.settings = Arc::new(Settings {
                grace: GraceRules { policy, ..app.settings.grace },
                ..(*app.settings).clone()
            });
            let page = shown_of(&app, id).await;
            let said = [not_suspended, suspend, stop].into_iter().filter(|words| page.contains(words));
            assert_eq!(said.collect::<Vec<_>>(), expected, "{policy:?}: {page}");
            assert!(!page.contains("stays active"), "{page}");
        }
        append(&app.journal, id, "frozen", Fact::Frozen { reason: None }).await;
        let page = shown_of(&app, id).await;
        for words in [not_suspended, suspend, stop] {
            assert!(!page.contains(words), "{words}, and a freeze may be lifted: {page}");
        }
    }

    async fn shown_of(app: &App, id: OnboardingId) -> String {
        let onboarding = app.journal.load(id).await.unwrap().unwrap().onboarding;
        section(app, &onboarding, &Seen::default()).into_string()
    }
}
