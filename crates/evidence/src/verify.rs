//! Whether a file is a pack that is as it was signed.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Evidence, FORMAT, Fault, Faults, PublicKey, canonical,
    canonical::Unreadable,
    chain,
    signature::{Signature, Statement},
};

/// A pack that is as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it holds.
    pub evidence: Evidence,
    /// Whose key signed it.
    pub signer: Signer,
}

/// Whose key signed a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// What the key is called, by the signature itself: a URL in Key Vault.
    pub kid: String,
    /// Its thumbprint (RFC 7638).
    pub thumbprint: String,
    /// Whether it is the key that the pack was to be compared with. Otherwise anybody may have signed it.
    pub is_compared: bool,
}

/// The file: these two members and no other, because nothing would cover a third.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    evidence: Value,
    signature: String,
}

/// Checks a file as it is: its form, its entries, its signature, and the key that signed it if one is given.
///
/// # Errors
/// Everything that is wrong with it.
pub fn verify(file: &[u8], key: Option<&PublicKey>) -> Result<Verified, Faults> {
    let one = |fault| Faults(vec![fault]);
    let value = canonical::read(file).map_err(|why| one(unreadable(why)))?;
    let File { evidence: value, signature } =
        serde_json::from_value(value).map_err(|error| one(shape(&error)))?;
    if let Some(format) = value["format"].as_u64().filter(|format| *format > u64::from(FORMAT)) {
        return Err(one(Fault::Newer(format)));
    }
    let evidence = Evidence::deserialize(&value).map_err(|error| one(shape(&error)))?;
    if evidence.format != FORMAT {
        return Err(one(Fault::NotAPack(format!("there never was a format {}", evidence.format))));
    }
    let hashes: Vec<String> =
        value["entries"].as_array().into_iter().flatten().map(canonical::hash).collect();
    let expected = Statement::about(&evidence, canonical::hash(&value));

    let read = Signature::read(&signature);
    let about_this = read.as_ref().ok().map(|signature| &signature.statement);
    let about_this = about_this.filter(|statement| statement.pack == evidence.pack);
    let mut faults = chain::faults(&evidence, &hashes, about_this);
    match read {
        Err(why) => faults.push(Fault::SignatureUnreadable(why)),
        Ok(signature) => {
            faults.extend(of_signature(&signature, &expected));
            faults.extend(key.and_then(|given| other_key(&signature.key, given)));
            if faults.is_empty() {
                let thumbprint = signature.key.thumbprint();
                let signer = Signer { kid: signature.kid, thumbprint, is_compared: key.is_some() };
                return Ok(Verified { evidence, signer });
            }
        }
    }
    Err(Faults(faults))
}

fn unreadable(why: Unreadable) -> Fault {
    match why {
        Unreadable::Syntax(why) => Fault::NotAPack(format!("it is not JSON: {why}")),
        Unreadable::OtherForm(place) => Fault::NotCanonical(place + 1),
        Unreadable::NotPlain(what) => Fault::NotAPack(format!("{what} cannot be part of one")),
    }
}

fn shape(error: &serde_json::Error) -> Fault {
    Fault::NotAPack(error.to_string())
}

/// What is wrong with a signature over a pack of which this statement should have been signed.
fn of_signature(signature: &Signature, expected: &Statement) -> Option<Fault> {
    let Signature { statement, .. } = signature;
    if !signature.fits_its_key() {
        return Some(Fault::SignatureBroken);
    }
    if statement == expected {
        return None;
    }
    Some(if statement.pack != expected.pack {
        let Statement { pack, onboarding, made_at, .. } = statement.clone();
        Fault::SignatureOfAnotherPack { pack, onboarding, made_at }
    } else if statement.evidence != expected.evidence {
        Fault::EvidenceChanged
    } else {
        Fault::Contradiction
    })
}

fn other_key(found: &PublicKey, given: &PublicKey) -> Option<Fault> {
    let differs = found != given;
    differs.then(|| Fault::OtherKey { found: found.thumbprint(), given: given.thumbprint() })
}

impl Verified {
    /// The newest anchor that names an entry of this pack.
    #[must_use]
    pub fn newest_anchor(&self) -> Option<&crate::Anchor> {
        self.evidence.anchors.iter().max_by_key(|anchor| anchor.number)
    }

    /// What was checked, in a sentence each.
    #[must_use]
    pub fn checked(&self) -> Vec<String> {
        let mut checked = vec![
            "The file has the one form that a pack can have: no byte of it was changed since it was signed."
                .to_owned(),
            format!(
                "All {} entries are there, in order; each holds the hash of the one before it.",
                self.evidence.entries.len()
            ),
            "Each anchor names an entry that is there, with the hash that was anchored.".to_owned(),
        ];
        checked.push(if self.signer.is_compared {
            format!("The key that you gave signed it (thumbprint {}).", self.signer.thumbprint)
        } else {
            "The key that the signature names signed it.".to_owned()
        });
        checked
    }

    /// What no check of the file can show, in a sentence each.
    #[must_use]
    pub fn cannot_show(&self) -> Vec<String> {
        let mut unknown = vec![];
        if !self.signer.is_compared {
            unknown.push(format!(
                "Whose key it is. The signature says that it is {} (thumbprint {}). No key was given to compare it with, \
                 so anybody could have made the whole file. Get the vendor's public key by another way, and use --key.",
                self.signer.kid, self.signer.thumbprint
            ));
        }
        unknown.push(match self.newest_anchor() {
            Some(anchor) => format!(
                "What was written into the vendor's journal after entry {}, the last that is anchored (anchor {}, at {}), \
                 could have been changed there before the pack was made.",
                anchor.entry, anchor.number, anchor.at
            ),
            None => "No anchor names this onboarding: the vendor's journal could have been changed before the pack was \
                     made."
                .to_owned(),
        });
        if !self.evidence.anchors.is_empty() {
            unknown.push(
                "Whether the anchors are the ones in the vendor's store. Ask to be shown those that are named here: the \
                 hash of each is in the pack."
                    .to_owned(),
            );
        }
        if !self.evidence.anchors_apart {
            unknown.push(
                "The vendor keeps the anchors in the same store as the journal: whoever can write to it can rewrite both."
                    .to_owned(),
            );
        }
        unknown.push("That what an entry says was true when it was written.".to_owned());
        unknown
    }
}
