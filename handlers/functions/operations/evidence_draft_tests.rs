//! What a pack holds of a journal.

use std::time::Duration;

use onboarding::{About, Fact, finding::Finding};

use super::*;
use crate::{
    test_support::{NOW, append, chain, provisioning},
    tests::app,
};

async fn draft_of(app: &crate::App, id: onboarding::OnboardingId, seen: &Seen) -> Draft {
    let history = app.journal.told(&app.anchors, id).await.unwrap().unwrap();
    of(history, seen, false, NOW + Duration::from_secs(86_400))
}

#[tokio::test]
async fn a_pack_tells_the_journal_and_leaves_out_what_gives_access() {
    let app = app();
    let id = provisioning(&app.journal).await;
    for (fact, _) in chain() {
        let Some(fact) = fact else { continue };
        let operation = Some("https://management.azure.com/o?api-version=1&t=secret".to_owned());
        let fact = match fact {
            Fact::SetRequested { set, look_after_ms, .. } => {
                Fact::SetRequested { set, operation, look_after_ms }
            }
            other => other,
        };
        append(&app.journal, id, &format!("{fact:?}"), fact).await;
    }
    append(&app.journal, id, "activated", Fact::Activated).await;
    let reason = Some("ask admin@contoso.example".to_owned());
    append(&app.journal, id, "frozen", Fact::Frozen { reason }).await;
    app.anchors.write(&app.journal, NOW).await.unwrap();

    let draft = draft_of(&app, id, &Seen::default()).await;
    let chapters: Vec<&str> = draft.entries.iter().map(|entry| entry.chapter.as_str()).collect();
    let expected = [
        "purchase",
        "key",
        "disk-encryption-set",
        "disk-encryption-set",
        "disks",
        "disks",
        "purchase",
        "grace-ladder",
    ];
    assert_eq!(chapters, expected);
    assert_eq!(draft.present.stage, "active");
    assert_eq!(draft.anchors.len(), 1);
    assert_eq!((draft.anchors[0].entry, &draft.anchors[0].journal), (8, &draft.entries[7].journal));
    let everything = format!("{draft:?}");
    for secret in ["management.azure.com", "t=secret", "admin", "@contoso"] {
        assert!(!everything.contains(secret), "{secret} is in {everything}");
    }
    assert!(everything.contains("(not shown)"), "{everything}");
}

#[tokio::test]
async fn each_time_in_which_the_key_worked_has_its_first_and_its_last_success() {
    let app = app();
    let id = provisioning(&app.journal).await;
    for (fact, _) in chain().into_iter().chain([(Some(Fact::Activated), "")]) {
        let Some(fact) = fact else { continue };
        append(&app.journal, id, &format!("{fact:?}"), fact).await;
    }
    let after = |seconds| NOW + Duration::from_secs(seconds);
    let working = Seen { worked_at: Some(after(900)), ..Seen::default() };
    let healthy = draft_of(&app, id, &working).await.healthy;
    let stretch = |first_entry, first, last, ended_by| Stretch {
        first_entry,
        first: moment(first),
        last: moment(last),
        ended_by,
    };
    assert_eq!(healthy, [stretch(2, NOW, after(900), None)]);

    let key: KeyUrl = "https://contoso.vault.azure.net/keys/disks".parse().unwrap();
    let disabled = Finding::KeyDisabled { key: key.clone() };
    let fact = Fact::Found { about: About::Key(key), finding: disabled, token_of: None };
    append(&app.journal, id, "disabled", fact).await;
    let healthy = draft_of(&app, id, &working).await.healthy;
    // All entries of this test have the same time: a success after the end is not the ended time's.
    assert_eq!(healthy, [stretch(2, NOW, NOW, Some(8))]);
}
