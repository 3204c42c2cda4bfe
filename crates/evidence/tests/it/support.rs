//! A vendor's key that lives as long as the test, and packs that it signed.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use evidence::{Anchor, Customer, Disk, Draft, Key, Present, PublicKey, Sealed, Stretch, Told};
use serde_json::{Value, json};

pub(crate) const KID: &str =
    "https://contoso-evidence.vault.azure.net/keys/evidence/0123456789abcdef0123456789abcdef";

/// A key that signs packs.
pub(crate) struct Vendor(EcdsaKeyPair);

impl Vendor {
    pub(crate) fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn key(&self) -> PublicKey {
        let point = self.0.public_key().as_ref();
        PublicKey::new(&point[1..33], &point[33..]).unwrap()
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Value {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let point = self.0.public_key().as_ref();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    }

    /// The signature over some bytes.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), bytes).unwrap().as_ref().to_vec()
    }

    /// The file of a pack.
    pub(crate) fn pack(&self, draft: Draft) -> Vec<u8> {
        let sealed = Sealed::new(draft, KID, &self.key()).unwrap();
        let digest =
            aws_lc_rs::digest::Digest::import_less_safe(&sealed.digest(), &aws_lc_rs::digest::SHA256);
        let signature = self.0.sign_digest(&digest.unwrap()).unwrap();
        sealed.signed(signature.as_ref()).unwrap()
    }
}

/// A hash that stands for one of the journal's.
pub(crate) fn hash(of: u64) -> String {
    format!("{of:064x}")
}

/// A pack of so many entries, of which the last but one is anchored.
pub(crate) fn draft(pack: &str, entries: u64) -> Draft {
    let told = |number: u64| Told {
        at: format!("2026-02-01T12:{number:02}:00Z"),
        chapter: "key".to_owned(),
        says: format!("The key was probed, for the {number}. time."),
        fact: json!({"fact": "key-proven", "bits": 2048, "nothing": null, "warnings": []}),
        stage: "active".to_owned(),
        function: "watch_due".to_owned(),
        journal: hash(number),
    };
    let key = Key {
        url: format!("https://contoso.vault.azure.net/keys/disks/{:032}", 1),
        created: None,
        expires: Some("2027-02-01T12:00:00Z".to_owned()),
    };
    let disk = Disk {
        disk: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d".to_owned(),
        state: "encrypted".to_owned(),
    };
    let anchored = entries.saturating_sub(1);
    let anchor = Anchor {
        number: 3,
        at: "2026-02-02T03:15:00Z".to_owned(),
        anchor: hash(99),
        entry: anchored,
        journal: hash(anchored),
    };
    Draft {
        pack: pack.to_owned(),
        onboarding: "5d4c9a0e-72f3-4c1d-8b6a-0e3f51c29d87".to_owned(),
        made_at: "2026-02-03T12:00:00Z".to_owned(),
        customer: Customer {
            tenant: "0a1b2c3d-1111-2222-3333-444455556666".to_owned(),
            subscription: "1a1b2c3d-1111-2222-3333-444455556666".to_owned(),
            region: "westeurope".to_owned(),
            service_principal: None,
        },
        present: Present {
            stage: "active".to_owned(),
            key: Some(key),
            set: None,
            disks: vec![disk],
            waits_for: vec![],
            last_worked_at: None,
        },
        healthy: vec![Stretch {
            first_entry: 1,
            first: "2026-02-01T12:01:00Z".to_owned(),
            last: "2026-02-03T11:45:00Z".to_owned(),
            ended_by: None,
        }],
        entries: (1..=entries).map(told).collect(),
        anchors: if anchored > 0 { vec![anchor] } else { vec![] },
        anchors_apart: true,
    }
}

/// The two parts of a file.
pub(crate) fn parts(file: &[u8]) -> (Value, String) {
    let value: Value = serde_json::from_slice(file).unwrap();
    (value["evidence"].clone(), value["signature"].as_str().unwrap().to_owned())
}

/// A file of two parts, in the one form: names of members come out sorted.
pub(crate) fn file(evidence: &Value, signature: &str) -> Vec<u8> {
    let mut file = serde_json::to_vec(&json!({"evidence": evidence, "signature": signature})).unwrap();
    file.push(b'\n');
    file
}
