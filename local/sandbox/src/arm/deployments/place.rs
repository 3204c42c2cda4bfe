//! Where a deployment puts what it writes: a resource group, or a subscription.

use crate::arm::error::ArmError;
use crate::arm::request::Target;
use crate::names::arm_id;
use crate::resources::ResourceType;
use crate::resources::described::{self, DescribedType};
use crate::state::resources::deployment::Deployment;

use super::template::{invalid, unsupported};

/// What is written at a scope, which is the deployment's own where nothing else is said.
const AT_A_SCOPE: &[&str] =
    &["Microsoft.Authorization/roleAssignments", "Microsoft.Authorization/roleDefinitions"];

/// What there is below a resource of its own kind. A subnet can be named; it is written with its network.
const BELOW_A_RESOURCE: &[&str] =
    &["Microsoft.KeyVault/vaults/keys", "Microsoft.Network/virtualNetworks/subnets"];

const GROUPS: &str = "Microsoft.Resources/resourceGroups";
const DEPLOYMENTS: &str = "Microsoft.Resources/deployments";

/// A group, or a subscription where none is named.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) subscription: String,
    pub(super) group: Option<String>,
    /// Where the record of a deployment into a subscription is kept.
    pub(super) location: Option<String>,
}

impl Place {
    /// Of a call. The location is in its body.
    pub(super) fn of_call(target: &Target, location: Option<String>) -> Self {
        let group = Some(target.group.clone()).filter(|group| !group.is_empty());
        Self {
            subscription: target.subscription.clone(),
            location: location.filter(|_| group.is_none()),
            group,
        }
    }

    pub(super) fn of(deployment: &Deployment) -> Self {
        Self {
            subscription: deployment.subscription.clone(),
            group: deployment.group.clone(),
            location: deployment.location.clone(),
        }
    }

    /// As a scope of what is written there.
    pub(super) fn id(&self) -> String {
        let subscription = format!("/subscriptions/{}", self.subscription);
        self.group
            .as_ref()
            .map_or(subscription.clone(), |group| format!("{subscription}/resourceGroups/{group}"))
    }

    /// The id of what a template calls by type and name, and says a scope of or not.
    pub(super) fn id_of(
        &self,
        resource_type: &str,
        name: &str,
        scope: Option<&str>,
    ) -> Result<String, ArmError> {
        check_segments(resource_type, name)?;
        // A scope that is no id of its own is a resource of this place.
        let scope = scope.map(|scope| match scope.starts_with('/') {
            true => scope.trim_end_matches('/').to_owned(),
            false => format!("{}/providers/{scope}", self.id()),
        });
        let named = |known: &str| known.eq_ignore_ascii_case(resource_type);
        if let Some(known) = AT_A_SCOPE.iter().find(|known| named(known)) {
            return Ok(format!("{}/providers/{known}/{name}", scope.unwrap_or_else(|| self.id())));
        }
        let described = DescribedType::named(resource_type);
        if let Some(known) = described.filter(|known| known.place == described::Place::AnyResource) {
            let scope = scope.ok_or_else(|| unsupported(&format!("'{resource_type}' without a scope")))?;
            return Ok(format!("{scope}/providers/{}/{name}", known.name));
        }
        if scope.is_some() {
            return Err(unsupported(&format!("a scope for resources of the type '{resource_type}'")));
        }
        match &self.group {
            None if named(GROUPS) => Ok(format!("{}/resourceGroups/{name}", self.id())),
            _ if named(DEPLOYMENTS) => Ok(format!("{}/providers/{DEPLOYMENTS}/{name}", self.id())),
            Some(group) => {
                let simulated = ResourceType::named(resource_type)
                    .filter(|known| known.is_listed)
                    .map(|known| known.name);
                let below = || BELOW_A_RESOURCE.iter().find(|known| named(known)).copied();
                let known = simulated.or_else(|| described.map(|known| known.name.as_str())).or_else(below);
                let known =
                    known.ok_or_else(|| unsupported(&format!("resources of the type '{resource_type}'")))?;
                Ok(arm_id::nested_id(&self.subscription, group, known, name))
            }
            None => Err(unsupported(&format!("resources of the type '{resource_type}' in a subscription"))),
        }
    }
}

fn check_segments(resource_type: &str, name: &str) -> Result<(), ArmError> {
    if resource_type.split('/').count() == name.split('/').count() + 1 {
        return Ok(());
    }
    Err(invalid(&format!(
        "The template resource '{name}' for type '{resource_type}' has incorrect segment lengths. A nested resource type \
         must have identical number of segments as its resource name. A root resource type must have segment length one \
         greater than its resource name. Please see https://aka.ms/arm-syntax-resources for usage details."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_from_type_name_and_scope() {
        let subscription = Place { subscription: "s".into(), group: None, location: None };
        let group = Place { group: Some("g".into()), ..subscription.clone() };
        let bus = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ServiceBus/namespaces/bus";
        let role = "Microsoft.Authorization/roleAssignments";
        let log = "Microsoft.Insights/diagnosticSettings";
        let table = [
            (
                &subscription,
                "microsoft.resources/resourcegroups",
                "n",
                None,
                "/subscriptions/s/resourceGroups/n",
            ),
            (
                &subscription,
                "Microsoft.Resources/deployments",
                "n",
                None,
                "/subscriptions/s/providers/Microsoft.Resources/deployments/n",
            ),
            (
                &subscription,
                role,
                "n",
                None,
                "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n",
            ),
            (&group, "Microsoft.ServiceBus/namespaces/queues", "bus/q", None, &format!("{bus}/queues/q")),
            (
                &group,
                role,
                "n",
                Some("Microsoft.ServiceBus/namespaces/bus/queues/q"),
                &format!("{bus}/queues/q/providers/{role}/n"),
            ),
            (&group, log, "n", Some(bus), &format!("{bus}/providers/{log}/n")),
            (
                &group,
                "Microsoft.KeyVault/vaults/keys",
                "kv/k",
                None,
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/keys/k",
            ),
        ];
        for (place, resource_type, name, scope, expected) in table {
            assert_eq!(place.id_of(resource_type, name, scope).as_deref(), Ok(expected), "{resource_type}");
        }
        for (place, resource_type, name, scope) in [
            (&subscription, "Microsoft.ServiceBus/namespaces", "bus", None),
            (&group, "Microsoft.Nothing/things", "n", None),
            (&group, "Microsoft.ServiceBus/namespaces/queues", "q", None),
            (&group, "Microsoft.ServiceBus/namespaces", "bus", Some(bus)),
            (&group, log, "n", None),
        ] {
            assert_eq!(
                place.id_of(resource_type, name, scope).unwrap_err().code,
                "InvalidTemplate",
                "{resource_type}"
            );
        }
    }
}
