//! The page for people.

use crate::support::{Vendor, draft};
use evidence::{PublicKey, render, verify};

#[test]
fn the_page_has_what_the_pack_has_and_nothing_that_runs() {
    let vendor = Vendor::new();
    let pack = vendor.pack(draft("p-1", 3));
    let page = render(&verify(&pack, Some(&vendor.key())).unwrap());
    for shown in [
        "Evidence for onboarding 5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87",
        "The file is as it was signed, by the key that it was compared with.",
        "The key was probed, for the 3. time.",
        "2026-02-01 12:03:00 UTC",
        "nothing: it goes on",
        "2027-02-01 12:00:00 UTC",
        crate::support::KID,
        &crate::support::hash(99),
    ] {
        assert!(page.contains(shown), "{shown} is not in\n{page}");
    }
    for absent in ["<script", "http-equiv", "src=", "href=", "onload"] {
        assert!(!page.contains(absent), "{absent}");
    }
    let unpinned = render(&verify(&pack, None).unwrap());
    assert!(unpinned.contains("Whose key signed it was not checked.") && unpinned.contains("--key"));
}

#[test]
fn every_text_is_escaped_and_no_time_is_needed() {
    let hostile = "<script>alert(1)</script>&\"'";
    let mut draft = draft(hostile, 1);
    hostile.clone_into(&mut draft.onboarding);
    hostile.clone_into(&mut draft.made_at);
    hostile.clone_into(&mut draft.customer.tenant);
    hostile.clone_into(&mut draft.customer.region);
    hostile.clone_into(&mut draft.present.stage);
    draft.present.waits_for.push(hostile.to_owned());
    draft.present.set = Some(hostile.to_owned());
    for entry in &mut draft.entries {
        for text in [&mut entry.at, &mut entry.chapter, &mut entry.says, &mut entry.stage, &mut entry.journal]
        {
            hostile.clone_into(text);
        }
    }
    let vendor = Vendor::new();
    let key: PublicKey = vendor.key();
    let page = render(&verify(&vendor.pack(draft), Some(&key)).unwrap());
    assert!(!page.contains("<script") && !page.contains("&\"'"), "{page}");
    assert!(page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count() > 8, "{page}");
    // A chapter that nobody named has a heading all the same.
    assert!(page.contains("<h2>&lt;script"), "{page}");
}
