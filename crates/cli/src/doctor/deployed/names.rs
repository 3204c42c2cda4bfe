//! What `infra/` calls its resources: `infra/modules/names.bicep`. A test compares the two.

/// How the name of the function app begins. The rest tells deployments apart.
const APP: &str = "func-latchkey-";

/// The names of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    token: String,
}

impl Names {
    /// From the function app's name; `None` when `infra/` does not call one so.
    pub(super) fn of_app(app: &str) -> Option<Self> {
        let token = app.strip_prefix(APP).filter(|token| !token.is_empty())?;
        Some(Self { token: token.to_owned() })
    }

    pub(super) fn app(&self) -> String {
        format!("{APP}{}", self.token)
    }

    pub(super) fn plan(&self) -> String {
        format!("plan-latchkey-{}", self.token)
    }

    pub(super) fn identity(&self) -> String {
        format!("id-latchkey-{}", self.token)
    }

    pub(super) fn insights(&self) -> String {
        format!("appi-latchkey-{}", self.token)
    }

    /// The account of the Functions host.
    pub(super) fn host_storage(&self) -> String {
        format!("sthost{}", self.token)
    }

    pub(super) fn journal_storage(&self) -> String {
        format!("stjournal{}", self.token)
    }

    pub(super) fn bus(&self) -> String {
        format!("sb-latchkey-{}", self.token)
    }

    /// The fixed address of what goes out, where there is one.
    pub(super) fn address(&self) -> String {
        format!("pip-latchkey-{}", self.token)
    }

    pub(super) fn vault(&self) -> String {
        format!("kv-lk-{}", self.token)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::predicted, *};

    #[test]
    fn the_names_are_those_of_the_template() {
        let app = predicted::of_type("Microsoft.Web/sites").remove(0);
        let names = Names::of_app(app["name"].as_str().unwrap()).unwrap();
        for (kind, name) in [
            ("Microsoft.Web/sites", names.app()),
            ("Microsoft.Web/serverfarms", names.plan()),
            ("Microsoft.ManagedIdentity/userAssignedIdentities", names.identity()),
            ("Microsoft.Insights/components", names.insights()),
            ("Microsoft.Storage/storageAccounts", names.host_storage()),
            ("Microsoft.Storage/storageAccounts", names.journal_storage()),
            ("Microsoft.ServiceBus/namespaces", names.bus()),
            ("Microsoft.KeyVault/vaults", names.vault()),
        ] {
            assert!(predicted::of_type(kind).iter().any(|one| one["name"] == name.as_str()), "{kind} {name}");
        }
        assert_eq!(Names::of_app("func-latchkey-"), None);
        assert_eq!(Names::of_app("shop"), None);
    }
}
