//! The sentences about whose a key is.

use azure_ids::KeyUrl;

use super::{set_attributes, vault};
use crate::finding::{NONCE, OWNERSHIP_TAG};

pub(super) fn not_proven(key: &KeyUrl) -> String {
    format!("The key {} does not have the tag yet that shows that it is yours.", key.name())
}

/// The nonce is the customer's to know: where this is shown to the customer, it takes the place of the word.
pub(super) fn prove(key: &KeyUrl, other_tags: u32) -> Vec<String> {
    let mut steps = vec![];
    if other_tags > 0 {
        steps.push(format!(
            "The next command replaces all tags of this version of the key. It has {other_tags} other tags: list them, and \
             add each to the command, as NAME=VALUE."
        ));
        let id = key.version().map(|version| format!(" --version {version}")).unwrap_or_default();
        let (vault, name) = (vault(key), key.name());
        steps.push(format!("az keyvault key show --vault-name {vault} --name {name}{id} --query tags"));
    }
    steps.push(set_attributes(key, format!("--tags {OWNERSHIP_TAG}={NONCE}")));
    steps.push("You can remove the tag when the disks are encrypted.".to_owned());
    steps
}
