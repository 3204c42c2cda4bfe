//! What a check of a pack came to, for people and for programs.

use serde_json::{Value as Json, json};

use super::Found;
use crate::output::harmless;

pub(super) fn words(found: &Found) -> String {
    let mut lines = vec![];
    match found {
        Ok(verified) => {
            let (evidence, signer) = (&verified.evidence, &verified.signer);
            lines.push(format!(
                "The pack holds together: onboarding {}, {} entries, made at {}.",
                evidence.onboarding,
                evidence.entries.len(),
                evidence.made_at
            ));
            let by = if signer.is_compared {
                "by the key that you gave"
            } else {
                "by a key that was NOT compared"
            };
            lines.push(format!("signed {by}: {} (thumbprint {})", signer.kid, signer.thumbprint));
            for (head, list) in
                [("checked:", verified.checked()), ("what this cannot show:", verified.cannot_show())]
            {
                lines.push(head.to_owned());
                lines.extend(list.into_iter().map(|line| format!("  - {line}")));
            }
        }
        Err(faults) => {
            lines.push("THE PACK DOES NOT HOLD TOGETHER. Do not rely on anything in it.".to_owned());
            lines.extend(faults.to_string().lines().map(|line| format!("  - {line}")));
        }
    }
    lines.iter().map(|line| harmless(line)).collect::<Vec<_>>().join("\n")
}

pub(super) fn json(found: &Found) -> Json {
    match found {
        Ok(verified) => {
            let evidence = &verified.evidence;
            json!({
                "holds": true,
                "pack": evidence.pack,
                "onboarding": evidence.onboarding,
                "madeAt": evidence.made_at,
                "entries": evidence.entries.len(),
                "signedBy": {
                    "kid": verified.signer.kid,
                    "thumbprint": verified.signer.thumbprint,
                    "compared": verified.signer.is_compared,
                },
                "anchoredUpTo": verified.newest_anchor().map(|anchor| json!({"entry": anchor.entry, "at": anchor.at})),
                "checked": verified.checked(),
                "cannotShow": verified.cannot_show(),
            })
        }
        Err(faults) => {
            let faults: Vec<Json> = faults
                .0
                .iter()
                .map(|fault| json!({"code": fault.code(), "says": fault.to_string()}))
                .collect();
            json!({"holds": false, "faults": faults})
        }
    }
}
