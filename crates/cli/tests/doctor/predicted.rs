//! What Microsoft's deployment engine predicts of `infra/`, to be written to the simulated Azure.

use serde_json::{Value, json};

const SNAPSHOT: &str = include_str!("../../../../infra/snapshots/default.snapshot.json");
/// The subscription of the snapshot.
const PREDICTED: &str = "22222222-bbbb-4444-8888-cccccccccccc";
/// What is in the name of every resource.
pub(crate) const TOKEN: &str = "sgrbgq6qpq54e";

/// Every resource, the group first: what stands below another comes after it, and what is assigned comes last.
pub(crate) fn resources(subscription: &str) -> Vec<Value> {
    let snapshot: Value = serde_json::from_str(&SNAPSHOT.replace(PREDICTED, subscription)).unwrap();
    let mut all = snapshot["predictedResources"].as_array().unwrap().clone();
    all.sort_by_key(|one| {
        let kind = one["type"].as_str().unwrap();
        let is_later = kind.ends_with("/roleAssignments") || kind.ends_with("/diagnosticSettings");
        (is_later, one["id"].as_str().unwrap().split('/').count())
    });
    all
}

/// What the engine leaves to Azure: values that only exist there.
#[derive(Default)]
pub(crate) struct Known {
    tenant: String,
    pub(crate) principal: String,
    client: String,
}

impl Known {
    pub(crate) fn of_tenant(tenant: impl ToString) -> Self {
        Self { tenant: tenant.to_string(), ..Self::default() }
    }

    /// Takes the identity's IDs from what Azure shows of it.
    pub(crate) fn identity(&mut self, shown: &Value) {
        let text = |name: &str| shown["properties"][name].as_str().unwrap().to_owned();
        (self.principal, self.client) = (text("principalId"), text("clientId"));
    }

    /// The value, with its expressions worked out.
    pub(crate) fn worked_out(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text.starts_with('[') => json!(self.expression(text)),
            Value::Array(items) => items.iter().map(|item| self.worked_out(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.worked_out(value))).collect::<Value>()
            }
            plain => plain.clone(),
        }
    }

    fn expression(&self, text: &str) -> String {
        let (client, vault) = (&self.client, format!("https://kv-lk-{TOKEN}.vault.azure.net/"));
        let known = [
            ("tenant().tenantId", self.tenant.clone()),
            (").principalId]", self.principal.clone()),
            ("'ClientId={0};", format!("ClientId={client};Authorization=AAD")),
            (").clientId]", client.clone()),
            ("secrets/signing-key", format!("@Microsoft.KeyVault(SecretUri={vault}secrets/signing-key)")),
            ("{0}keys/evidence", format!("{vault}keys/evidence")),
            ("defaultHostName", format!("https://func-latchkey-{TOKEN}.azurewebsites.net")),
            ("primaryEndpoints.blob", format!("https://sthost{TOKEN}.blob.core.windows.net/packages")),
            ("ConnectionString", "InstrumentationKey=x".to_owned()),
        ];
        let found = known.into_iter().find(|(part, _)| text.contains(part));
        found.unwrap_or_else(|| panic!("what is {text}?")).1
    }
}
