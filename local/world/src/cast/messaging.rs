//! The vendor's Service Bus namespace and who may use it, as `infra/` deploys them.

use anyhow::Context;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::names::{RESOURCE_GROUP, SERVICE_BUS_API, SERVICE_BUS_DATA_RECEIVER, SERVICE_BUS_DATA_SENDER};
use super::roles::assign_role;
use super::vendor::Vendor;
use crate::story::Who;

const NAMESPACE: &str = "sb-latchkey";

impl Vendor {
    /// The ARM id of the namespace that [`make_bus`](Self::make_bus) makes.
    #[must_use]
    pub fn bus_id(&self) -> String {
        let group = self.azure().resource_group_id(RESOURCE_GROUP);
        format!("{group}/providers/Microsoft.ServiceBus/namespaces/{NAMESPACE}")
    }

    /// Makes the namespace, which takes no keys, and lets the identity receive from each queue and send to each queue
    /// and topic. What is there already is used.
    ///
    /// # Errors
    ///
    /// Azure refuses, or does not answer.
    pub async fn make_bus(&self, queues: &[String], topics: &[String]) -> anyhow::Result<()> {
        let since = Instant::now();
        let (azure, id, principal) = (self.azure(), self.bus_id(), self.estate().identity.principal_id);
        let body = json!({
            "location": self.estate().region,
            "sku": { "name": "Standard", "tier": "Standard" },
            "properties": { "disableLocalAuth": true },
        });
        let made = azure.arm(Method::PUT, &id, SERVICE_BUS_API, Some(&body)).await?;
        made.ok("making the Service Bus namespace")?;
        let roles = queues
            .iter()
            .flat_map(|queue| {
                let scope = format!("{id}/queues/{queue}");
                [(scope.clone(), SERVICE_BUS_DATA_RECEIVER), (scope, SERVICE_BUS_DATA_SENDER)]
            })
            .chain(topics.iter().map(|topic| (format!("{id}/topics/{topic}"), SERVICE_BUS_DATA_SENDER)));
        for (scope, role) in roles {
            assign_role(azure, &scope, principal, role).await.with_context(|| scope)?;
        }
        let what =
            "creates the Service Bus namespace without keys, and gives the identity the roles for its queues";
        self.story().tell_since(since, Who::Vendor, what);
        Ok(())
    }
}
