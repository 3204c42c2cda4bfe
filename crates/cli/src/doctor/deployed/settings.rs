//! The settings of the app, read by the app's own reader, and whether Azure resolves the references among them.

use std::collections::BTreeMap;

use latchkey_functions::Settings;

use super::{
    DEPLOY,
    estate::{Estate, READER, Seen},
};
use crate::doctor::{Check, DEPLOYER};

const API: &str = "2024-11-01";
const SETTINGS: &str = "settings";
const REFERENCES: &str = "vault-references";
const SIGNING_KEY: &str = "LATCHKEY_SIGNING_KEY";
/// How a setting begins that Azure reads from a vault.
const REFERENCE: &str = "@Microsoft.KeyVault(";
/// Only whoever may change settings may read them.
const ROLE: &str = "Website Contributor";

/// What the settings have to name.
struct Named {
    identity_id: String,
    client_id: Option<String>,
    bus: String,
    journal_storage: String,
}

/// What came of them.
pub(super) struct Settled {
    pub(super) checks: Vec<Check>,
    shown: Seen,
}

impl Settled {
    /// A setting by its name, when the settings could be read.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        match &self.shown {
            Seen::There(shown) => shown["properties"][name].as_str(),
            _ => None,
        }
    }
}

pub(super) async fn checks(estate: &Estate<'_>, identity: &Seen) -> Settled {
    let names = &estate.names;
    let config = format!("Microsoft.Web/sites/{}/config", names.app());
    let settings = estate.by_post(&format!("{config}/appsettings/list"), API).await;
    let references = estate.all(&format!("{config}/configreferences/appsettings"), API).await;
    let client_id = match identity {
        Seen::There(shown) => shown["properties"]["clientId"].as_str().map(str::to_owned),
        _ => None,
    };
    let named = Named {
        identity_id: estate
            .id(&format!("Microsoft.ManagedIdentity/userAssignedIdentities/{}", names.identity())),
        client_id,
        bus: format!("{}.servicebus.windows.net", names.bus()),
        journal_storage: names.journal_storage(),
    };
    let checks = vec![
        judge(&settings, &named).unwrap_or_else(|check| check),
        judge_references(&references).unwrap_or_else(|check| check),
    ];
    Settled { checks, shown: settings }
}

/// No value is ever told: a secret may be where none should be.
fn judge(settings: &Seen, named: &Named) -> Result<Check, Check> {
    let shown = settings.known(SETTINGS, "settings of the function app", ROLE)?;
    let values: BTreeMap<&str, &str> = shown["properties"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .collect();
    let mut wrong = Vec::new();
    if values.get(SIGNING_KEY).is_some_and(|value| !value.starts_with(REFERENCE)) {
        wrong.push(format!(
            "{SIGNING_KEY} has the key itself: whoever may read settings can make links. It should be a reference to \
             the vault"
        ));
    }
    // What stands in the vault is the app's own affair, and checked in the vault.
    let resolved = |name: &str| match values.get(name) {
        Some(value) if value.starts_with(REFERENCE) => Some("Kioq".repeat(10) + "Kio="),
        other => other.map(|value| (*value).to_owned()),
    };
    if let Err(error) = Settings::read(resolved) {
        wrong.push(error.to_string().split_whitespace().collect::<Vec<_>>().join(" "));
    }
    let identity_id = named.identity_id.as_str();
    let mut has = |name: &str, should: Option<&str>| {
        let Some(should) = should else { return };
        if !values.get(name).is_some_and(|is| is.eq_ignore_ascii_case(should)) {
            wrong.push(format!("{name} does not name {should}"));
        }
    };
    has("LATCHKEY_MANAGED_IDENTITY_ID", Some(identity_id));
    for name in
        ["LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", "AzureWebJobsStorage__clientId", "ServiceBus__clientId"]
    {
        has(name, named.client_id.as_deref());
    }
    has("ServiceBus__fullyQualifiedNamespace", Some(&named.bus));
    has("AZURE_STORAGE_ACCOUNT_NAME", Some(&named.journal_storage));
    if wrong.is_empty() {
        let saw =
            format!("the app can start with its {} settings, and they name what infra/ made", values.len());
        return Ok(Check::good(SETTINGS, saw));
    }
    Ok(Check::wrong(SETTINGS, wrong.join("; "), DEPLOYER, DEPLOY))
}

fn judge_references(references: &Seen) -> Result<Check, Check> {
    let listed = references.known(REFERENCES, "function app", READER)?.as_array();
    let mut is_there = false;
    let mut wrong = Vec::new();
    for one in listed.into_iter().flatten() {
        let name = one["name"].as_str().or(one["id"].as_str()).and_then(|name| name.rsplit('/').next());
        let (name, properties) = (name.unwrap_or("a setting"), &one["properties"]);
        is_there |= name == SIGNING_KEY;
        let status = properties["status"].as_str().unwrap_or("without a status");
        if status != "Resolved" {
            let details =
                properties["details"].as_str().map(|text| format!(" ({})", crate::output::cut(text, 300)));
            wrong.push(format!("{name} is {status}{}", details.unwrap_or_default()));
        }
    }
    if !is_there {
        wrong.push(format!("{SIGNING_KEY} is no reference to the vault"));
    }
    if wrong.is_empty() {
        return Ok(Check::good(REFERENCES, "Azure resolves the references to the vault"));
    }
    let mend = "SecretNotFound: make the secret signing-key (docs/operate/deploy.md). AccessToKeyVaultDenied: see the \
                check roles, and whether the vault's firewall lets the app through. Then restart the app: it reads \
                references when it starts, and once a day.";
    Ok(Check::wrong(REFERENCES, wrong.join("; "), DEPLOYER, mend))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{
        super::predicted::{self, TOKEN},
        *,
    };
    use crate::doctor::Verdict;

    const CLIENT: &str = "33333333-cccc-4444-8888-dddddddddddd";

    fn named() -> Named {
        let app = predicted::of_type("Microsoft.Web/sites").remove(0);
        Named {
            identity_id: app["properties"]["keyVaultReferenceIdentity"].as_str().unwrap().to_owned(),
            client_id: Some(CLIENT.to_owned()),
            bus: format!("sb-latchkey-{TOKEN}.servicebus.windows.net"),
            journal_storage: format!("stjournal{TOKEN}"),
        }
    }

    /// As deployed, with what only Azure works out.
    fn settings() -> Json {
        let mut shown = predicted::of_type("Microsoft.Web/sites/config").remove(0);
        for (name, value) in shown["properties"].as_object_mut().unwrap() {
            let text = value.as_str().unwrap().to_owned();
            let resolved = match name.as_str() {
                "LATCHKEY_SIGNING_KEY" => {
                    format!("{REFERENCE}SecretUri=https://contoso.vault.azure.net/secrets/signing-key)")
                }
                "LATCHKEY_EVIDENCE_KEY" => "https://contoso.vault.azure.net/keys/evidence".to_owned(),
                _ if text.contains("defaultHostName") => "https://contoso.azurewebsites.net".to_owned(),
                _ if text.starts_with('[') => CLIENT.to_owned(),
                _ => text,
            };
            *value = json!(resolved);
        }
        shown
    }

    fn changed(name: &str, value: Json) -> Check {
        let mut shown = settings();
        shown["properties"][name] = value;
        judge(&Seen::There(shown), &named()).unwrap()
    }

    #[test]
    fn what_the_template_sets_is_good() {
        let check = judge(&Seen::There(settings()), &named()).unwrap();
        assert_eq!(check.is, Verdict::Good, "{check:?}");
    }

    #[test]
    fn the_apps_own_reader_says_what_is_wrong() {
        let check = changed("LATCHKEY_VENDOR_TENANT_ID", json!("contoso"));
        assert!(check.is == Verdict::Wrong && check.saw.contains("LATCHKEY_VENDOR_TENANT_ID"), "{check:?}");
        let check = changed("LATCHKEY_REGION", Json::Null);
        assert!(check.is == Verdict::Wrong && check.saw.contains("LATCHKEY_REGION"), "{check:?}");
    }

    /// As during a rotation of the signing key.
    #[test]
    fn a_second_reference_is_as_good_as_the_first() {
        let accepted =
            format!("{REFERENCE}SecretUri=https://contoso.vault.azure.net/secrets/signing-key-accepted)");
        let check = changed("LATCHKEY_SIGNING_KEYS_ACCEPTED", json!(accepted));
        assert_eq!(check.is, Verdict::Good, "{check:?}");
    }

    #[test]
    fn settings_that_name_something_else_are_wrong() {
        for name in
            ["LATCHKEY_MANAGED_IDENTITY_CLIENT_ID", "AzureWebJobsStorage__clientId", "ServiceBus__clientId"]
        {
            let check = changed(name, json!("44444444-cccc-4444-8888-dddddddddddd"));
            assert!(check.is == Verdict::Wrong && check.saw.contains(name), "{check:?}");
        }
        for (name, value) in [
            ("ServiceBus__fullyQualifiedNamespace", "other.servicebus.windows.net"),
            ("AZURE_STORAGE_ACCOUNT_NAME", "stother"),
        ] {
            let check = changed(name, json!(value));
            assert_eq!(check.is, Verdict::Wrong, "{name}");
            assert!(check.saw.starts_with(&format!("{name} does not name s")), "{check:?}");
            assert!(!check.saw.contains(value), "a key could stand there: {check:?}");
        }
    }

    #[test]
    fn a_key_among_the_settings_is_named_and_not_told() {
        let key = "Kioq".repeat(11) + "Kio=";
        let check = changed(SIGNING_KEY, json!(key));
        assert!(check.is == Verdict::Wrong && check.saw.contains("reference to the vault"), "{check:?}");
        assert!(!format!("{check:?}").contains("Kioq"), "{check:?}");
    }

    #[test]
    fn whoever_may_not_read_them_is_told_the_role() {
        let check = judge(&Seen::NotAllowed("403 AuthorizationFailed".to_owned()), &named()).unwrap_err();
        assert!(check.is == Verdict::NotChecked && check.saw.contains("Website Contributor"), "{check:?}");
    }

    #[test]
    fn references_have_to_be_resolved() {
        let judged = |listed: Json| judge_references(&Seen::There(listed)).unwrap();
        let reference = |status: &str| json!([{ "name": SIGNING_KEY, "properties": { "status": status, "details": "d" } }]);
        assert_eq!(judged(reference("Resolved")).is, Verdict::Good);
        let check = judged(reference("SecretNotFound"));
        assert_eq!(check.saw, "LATCHKEY_SIGNING_KEY is SecretNotFound (d)");
        assert_eq!(judged(json!([])).is, Verdict::Wrong, "the signing key has to be one");
        let by_id = json!([{ "id": format!("/s/config/configreferences/appsettings/{SIGNING_KEY}"),
            "properties": { "status": "Resolved" } }]);
        assert_eq!(judged(by_id).is, Verdict::Good);
    }
}
