//! Whether the key that signs links is there, and how old it is. Its value is not read.

use serde_json::Value as Json;
use time::{Duration, OffsetDateTime};

use super::estate::{Estate, READER, Seen};
use crate::doctor::{Check, DEPLOYER};

const CHECK: &str = "signing-key";
/// From when on it is worth a rotation.
const OLD: Duration = Duration::days(365);

pub(super) async fn check(estate: &Estate<'_>) -> Check {
    let vault = estate.names.vault();
    let secret =
        estate.one(&format!("Microsoft.KeyVault/vaults/{vault}/secrets/signing-key"), "2024-11-01").await;
    judge(&secret, &vault, OffsetDateTime::now_utc()).unwrap_or_else(|check| check)
}

fn judge(secret: &Seen, vault: &str, now: OffsetDateTime) -> Result<Check, Check> {
    if *secret == Seen::Missing {
        let mend = format!(
            "Make it, then restart the app: az keyvault secret set --vault-name {vault} --name signing-key --value \
             \"$(openssl rand -base64 32)\" --output none"
        );
        return Ok(Check::wrong(
            CHECK,
            "there is no secret signing-key: the app cannot start",
            DEPLOYER,
            mend,
        ));
    }
    let attributes = &secret.known(CHECK, "secret signing-key", READER)?["properties"]["attributes"];
    let moment = |name: &str| OffsetDateTime::from_unix_timestamp(attributes[name].as_i64()?).ok();
    let unusable = if attributes["enabled"] == Json::Bool(false) {
        Some("disabled".to_owned())
    } else {
        moment("exp").filter(|end| *end <= now).map(|end| format!("expired since {}", end.date()))
    };
    if let Some(unusable) = unusable {
        let mend = "Enable it, or make a new version: docs/operate/signing-key.md.";
        return Ok(Check::wrong(CHECK, format!("the secret signing-key is {unusable}"), DEPLOYER, mend));
    }
    let Some(created) = moment("created") else {
        return Ok(Check::not_checked(CHECK, "Azure does not say when the secret signing-key was made"));
    };
    let age = now - created;
    let saw = format!("the signing key is {} days old, made on {}", age.whole_days().max(0), created.date());
    if age <= OLD {
        return Ok(Check::good(CHECK, saw));
    }
    let mend = "Rotate it without breaking links: docs/operate/signing-key.md.";
    Ok(Check::noted(CHECK, saw, DEPLOYER, mend))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::doctor::Verdict;

    const NOW: OffsetDateTime = datetime!(2026-12-01 00:00 UTC);

    fn aged(days: i64) -> Json {
        let created = (NOW - Duration::days(days)).unix_timestamp();
        json!({ "properties": { "attributes": { "enabled": true, "created": created, "updated": NOW.unix_timestamp() } } })
    }

    fn judged(secret: Json) -> Check {
        judge(&Seen::There(secret), "kv", NOW).unwrap()
    }

    #[test]
    fn a_key_of_more_than_a_year_is_worth_a_rotation() {
        for (days, is) in
            [(0, Verdict::Good), (365, Verdict::Good), (366, Verdict::Noted), (4000, Verdict::Noted)]
        {
            assert_eq!(judged(aged(days)).is, is, "{days}");
        }
        let check = judged(aged(400));
        assert!(check.saw.contains("400 days old, made on 2025-10-27"), "{check:?}");
        assert!(check.mend.unwrap().contains("docs/operate/signing-key.md"));
        assert_eq!(judged(aged(-1)).is, Verdict::Good, "a clock that is behind");
    }

    #[test]
    fn a_key_that_cannot_be_used_is_wrong() {
        let check = judge(&Seen::Missing, "kv", NOW).unwrap();
        assert!(check.is == Verdict::Wrong && check.mend.unwrap().contains("--vault-name kv"));
        for (name, value) in [("enabled", json!(false)), ("exp", json!(NOW.unix_timestamp()))] {
            let mut secret = aged(1);
            secret["properties"]["attributes"][name] = value;
            assert_eq!(judged(secret).is, Verdict::Wrong, "{name}");
        }
        assert_eq!(judged(json!({})).is, Verdict::NotChecked);
    }
}
