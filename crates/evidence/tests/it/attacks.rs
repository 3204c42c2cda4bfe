//! The pack attacked: whatever is done to it is found, and the message says what it was.

use crate::support::{Vendor, draft, file, parts};
use evidence::{Fault, Faults, verify};
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::{Value, json};

const PACK: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const OTHER: &str = "bbbbbbbb-0000-4000-8000-000000000002";

fn codes(found: &Faults) -> Vec<&'static str> {
    found.0.iter().map(Fault::code).collect()
}

/// What is found when the entries were changed so, without the vendor's key.
fn attacked(pack: &[u8], attack: impl Fn(&mut Vec<Value>)) -> Faults {
    let (mut evidence, signature) = parts(pack);
    attack(evidence["entries"].as_array_mut().unwrap());
    verify(&file(&evidence, &signature), None).unwrap_err()
}

#[test]
fn a_pack_that_nobody_touched_holds_together() {
    let vendor = Vendor::new();
    for entries in [0, 1, 2, 7] {
        let pack = vendor.pack(draft(PACK, entries));
        let verified = verify(&pack, Some(&vendor.key())).unwrap();
        assert_eq!(verified.evidence.entries.len() as u64, entries);
        assert!(verified.signer.is_compared && verified.signer.kid == crate::support::KID);
        assert!(!verified.cannot_show().iter().any(|line| line.contains("--key")));
        let unpinned = verify(&pack, None).unwrap();
        let first = &unpinned.cannot_show()[0];
        assert!(!unpinned.signer.is_compared && first.contains(crate::support::KID), "{first}");
        assert!(first.contains(&vendor.key().thumbprint()), "{first}");
    }
}

#[test]
fn every_bit_of_every_byte_counts() {
    let vendor = Vendor::new();
    let pack = vendor.pack(draft(PACK, 2));
    for place in 0..pack.len() {
        for bit in 0..8 {
            let mut flipped = pack.clone();
            flipped[place] ^= 1 << bit;
            let found = verify(&flipped, None).map(drop);
            assert!(found.is_err(), "bit {bit} of byte {place} of {} is without meaning", pack.len());
        }
        let mut cut = pack.clone();
        cut.remove(place);
        assert!(verify(&cut, None).is_err(), "byte {place} can be left out");
        let mut longer = pack.clone();
        longer.insert(place, pack[place]);
        assert!(verify(&longer, None).is_err(), "byte {place} can be there twice");
        assert!(verify(&pack[..place], None).is_err(), "the first {place} bytes are enough");
    }
}

#[test]
fn a_changed_entry_is_named() {
    let vendor = Vendor::new();
    let pack = vendor.pack(draft(PACK, 5));
    for number in 1..=5_u64 {
        let place = usize::try_from(number).unwrap() - 1;
        let found = attacked(&pack, |entries| entries[place]["says"] = json!("The key was never probed."));
        assert_eq!(found.0[0], Fault::Changed { from: number, to: number });
        assert_eq!(codes(&found), ["entry-changed", "evidence-changed"]);
        let said = found.to_string();
        assert!(said.starts_with(&format!("entry {number} was changed\n")), "{said}");
    }
    // A changed link could be the change of either of two.
    let found = attacked(&pack, |entries| entries[2]["previous"] = json!(crate::support::hash(8)));
    assert_eq!(found.0[0], Fault::Changed { from: 2, to: 3 });
    assert!(found.to_string().starts_with("entry 2 or entry 3 was changed\n"), "{found}");
    let found = attacked(&pack, |entries| entries[0]["previous"] = json!(crate::support::hash(8)));
    assert_eq!(found.0[0], Fault::Changed { from: 1, to: 1 });
}

#[test]
fn a_missing_entry_and_a_cut_tail_are_named() {
    let vendor = Vendor::new();
    let pack = vendor.pack(draft(PACK, 5));
    for number in 1..=4 {
        let found = attacked(&pack, |entries| drop(entries.remove(number - 1)));
        assert_eq!(found.0[0], Fault::Missing(number as u64), "{found}");
    }
    let found = attacked(&pack, |entries| entries.truncate(3));
    assert_eq!(found.0[0], Fault::TailCut { said: 5, last: 3 });
    assert!(found.to_string().contains("the end was cut off: 5 entries were signed"), "{found}");
    let found = attacked(&pack, |entries| {
        let mut more = entries[4].clone();
        more["number"] = json!(6);
        entries.push(more);
    });
    assert_eq!(found.0[0], Fault::TailAdded { said: 5, last: 6 });
}

#[test]
fn reordered_and_duplicated_entries_are_named() {
    let vendor = Vendor::new();
    let pack = vendor.pack(draft(PACK, 5));
    let found = attacked(&pack, |entries| entries.swap(1, 3));
    assert_eq!(found.0[0], Fault::Reordered { number: 3, after: 4 });
    let found = attacked(&pack, |entries| entries.insert(3, entries[1].clone()));
    assert_eq!(found.0[0], Fault::Twice(2));
    let found = attacked(&pack, |entries| entries.push(entries[4].clone()));
    assert_eq!(found.0[0], Fault::Twice(5));
}

#[test]
fn two_packs_spliced_are_told_apart() {
    let vendor = Vendor::new();
    let (one, other) = (vendor.pack(draft(PACK, 5)), vendor.pack(draft(OTHER, 6)));
    let (evidence, _) = parts(&other);
    let theirs = evidence["entries"].as_array().unwrap().clone();
    let found = attacked(&one, |entries| entries[3..].clone_from_slice(&theirs[3..5]));
    let foreign = |number| Fault::OfAnotherPack { number, pack: OTHER.to_owned() };
    assert_eq!(found.0[..2], [foreign(4), foreign(5)]);
    // Whoever makes them look like this pack's own cannot make the hashes fit.
    let found = attacked(&one, |entries| {
        entries[3..].clone_from_slice(&theirs[3..5]);
        for entry in &mut entries[3..] {
            entry["pack"] = json!(PACK);
        }
    });
    assert_eq!(codes(&found), ["entry-changed", "evidence-changed"], "{found}");
}

#[test]
fn a_swapped_signature_says_whose_it_is() {
    let vendor = Vendor::new();
    let (one, other) = (vendor.pack(draft(PACK, 3)), vendor.pack(draft(OTHER, 3)));
    let ((evidence, _), (_, signature)) = (parts(&one), parts(&other));
    let found = verify(&file(&evidence, &signature), Some(&vendor.key())).unwrap_err();
    assert_eq!(codes(&found), ["signature-of-another-pack"]);
    assert!(found.to_string().contains(OTHER), "{found}");
    // An earlier pack of the same name: as if it had been made again.
    let longer = vendor.pack(draft(PACK, 4));
    let found = verify(&file(&evidence, &parts(&longer).1), None).unwrap_err();
    assert_eq!(codes(&found), ["tail-cut", "evidence-changed"]);
}

#[test]
fn another_key_is_named() {
    let (vendor, forger) = (Vendor::new(), Vendor::new());
    let forged = forger.pack(draft(PACK, 3));
    let found = verify(&forged, Some(&vendor.key())).unwrap_err();
    assert_eq!(codes(&found), ["other-key"]);
    let said = found.to_string();
    assert!(said.contains(&forger.key().thumbprint()) && said.contains(&vendor.key().thumbprint()), "{said}");
    // The forger's statement with the vendor's key in its header.
    let parts_of = |jws: &str| jws.split('.').map(str::to_owned).collect::<Vec<_>>();
    let genuine = vendor.pack(draft(PACK, 3));
    let (theirs, ours) = (parts_of(&parts(&forged).1), parts_of(&parts(&genuine).1));
    let mixed = format!("{}.{}.{}", ours[0], theirs[1], theirs[2]);
    let found = verify(&file(&parts(&forged).0, &mixed), Some(&vendor.key())).unwrap_err();
    assert_eq!(codes(&found), ["signature-broken"]);
}

#[test]
fn no_other_algorithm_is_taken() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let vendor = Vendor::new();
    let (evidence, signature) = parts(&vendor.pack(draft(PACK, 1)));
    let mut jws: Vec<String> = signature.split('.').map(str::to_owned).collect();
    let header: Value = serde_json::from_slice(&BASE64.decode(&jws[0]).unwrap()).unwrap();
    for (name, value) in
        [("alg", json!("none")), ("alg", json!("HS256")), ("typ", json!("JWT")), ("crit", json!(["b64"]))]
    {
        let mut other = header.clone();
        other[name] = value;
        jws[0] = BASE64.encode(other.to_string());
        // Signed anew by the genuine key: what is refused is the header, not the signature.
        jws[2] = BASE64.encode(vendor.sign(format!("{}.{}", jws[0], jws[1]).as_bytes()));
        let found = verify(&file(&evidence, &jws.join(".")), None).unwrap_err();
        assert_eq!(codes(&found), ["signature-unreadable"], "{name}");
    }
    for nonsense in ["", ".", "..", "a.b.c", "a.b.c.d", &signature[..signature.len() - 2]] {
        assert!(verify(&file(&evidence, nonsense), None).is_err(), "{nonsense}");
    }
}

#[test]
fn everything_else_in_a_pack_counts_too() {
    let vendor = Vendor::new();
    let (evidence, signature) = parts(&vendor.pack(draft(PACK, 3)));
    let check = |pointer: &str, value: Value, expected: &[&str]| {
        let mut changed = evidence.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let found = verify(&file(&changed, &signature), None).unwrap_err();
        assert_eq!(codes(&found), expected, "{pointer}");
    };
    check("/customer/tenant", json!("another"), &["evidence-changed"]);
    check("/present/stage", json!("revoked"), &["evidence-changed"]);
    check("/healthy", json!([]), &["evidence-changed"]);
    check("/anchors", json!([]), &["evidence-changed"]);
    check("/anchors/0/journal", json!(crate::support::hash(7)), &["anchor-does-not-fit", "evidence-changed"]);
    check("/anchors/0/entry", json!(9), &["anchor-does-not-fit", "evidence-changed"]);
    check("/head", Value::Null, &["entry-changed", "evidence-changed"]);
    check("/format", json!(2), &["newer"]);
    check("/format", json!(0), &["not-a-pack"]);
    check("/entries/0/number", json!("1"), &["not-a-pack"]);
    let mut more = evidence.clone();
    more["more"] = json!(1);
    assert_eq!(codes(&verify(&file(&more, &signature), None).unwrap_err()), ["evidence-changed"]);
    let mut beside = file(&evidence, &signature);
    let end = beside.len() - 2;
    beside.splice(end.., b",\"z\":1}\n".iter().copied());
    assert_eq!(codes(&verify(&beside, None).unwrap_err()), ["not-a-pack"]);
}

/// One change of the entries, of whatever kind, with hashes and counts made to fit as far as is possible without the key.
#[derive(Debug, Clone)]
enum Attack {
    Change(usize, String),
    Remove(usize),
    Swap(usize, usize),
    Repeat(usize, usize),
    Cut(usize),
}

fn attack() -> impl Strategy<Value = Attack> {
    prop_oneof![
        (0..6_usize, "[a-z]{1,8}").prop_map(|(place, text)| Attack::Change(place, text)),
        (0..6_usize).prop_map(Attack::Remove),
        (0..6_usize, 0..6_usize).prop_map(|(one, other)| Attack::Swap(one, other)),
        (0..6_usize, 0..6_usize).prop_map(|(from, to)| Attack::Repeat(from, to)),
        (0..6_usize).prop_map(Attack::Cut),
    ]
}

fn carry_out(entries: &mut Vec<Value>, attack: &Attack) {
    match attack.clone() {
        Attack::Change(place, text) if place < entries.len() => entries[place]["says"] = json!(text),
        Attack::Remove(place) if place < entries.len() => drop(entries.remove(place)),
        Attack::Swap(one, other) if one.max(other) < entries.len() => entries.swap(one, other),
        Attack::Repeat(from, to) if from.max(to) < entries.len() => entries.insert(to, entries[from].clone()),
        Attack::Cut(at) => entries.truncate(at),
        _ => {}
    }
}

/// Numbers, links, head and anchors made to fit whatever the entries are now: only the key is missing.
fn made_to_fit(evidence: &mut Value) {
    let mut previous = Value::Null;
    for (number, entry) in (1..).zip(evidence["entries"].as_array_mut().unwrap()) {
        (entry["number"], entry["previous"]) = (json!(number), previous);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, entry.to_string().as_bytes());
        previous = json!(digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }
    evidence["head"] = previous;
    evidence["anchors"] = json!([]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_series_of_attacks_goes_unseen(attacks in prop::collection::vec(attack(), 1..6), cleans_up in any::<bool>()) {
        let vendor = Vendor::new();
        let (evidence, signature) = parts(&vendor.pack(draft(PACK, 5)));
        let mut attacked = evidence.clone();
        for attack in &attacks {
            carry_out(attacked["entries"].as_array_mut().unwrap(), attack);
        }
        // Changes may undo each other.
        let is_the_same = attacked == evidence;
        if cleans_up && !is_the_same {
            made_to_fit(&mut attacked);
        }
        let found = verify(&file(&attacked, &signature), Some(&vendor.key()));
        match found {
            Ok(_) => prop_assert!(is_the_same),
            Err(found) => {
                let last = found.0.last().map(Fault::code);
                prop_assert_eq!(last, Some("evidence-changed"));
                // Whoever did not clean up left a trace that names an entry, or the end.
                prop_assert!(cleans_up || found.0.len() > 1, "{}", found);
            }
        }
        Ok::<(), TestCaseError>(())?;
    }

    #[test]
    fn whatever_the_bytes_are_there_is_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes, None).is_err());
    }
}
