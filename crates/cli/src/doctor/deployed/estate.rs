//! Reading what is there.

use serde_json::Value as Json;
use uuid::Uuid;

use super::{DEPLOY, names::Names};
use crate::{
    azure::{Asked, Azure},
    doctor::{Check, DEPLOYER},
};

/// Whether there is a deployment to be looked at.
const CHECK: &str = "deployment";
/// What an operator needs to read everything but the settings.
pub(super) const READER: &str = "Reader";

/// A resource group with a deployment of `infra/` in it.
pub(super) struct Estate<'a> {
    azure: &'a Azure<'a>,
    pub(super) subscription: String,
    pub(super) group: String,
    pub(super) names: Names,
}

/// What was seen of something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    There(Json),
    Missing,
    /// Whoever is signed in may not see it.
    NotAllowed(String),
    /// Azure did not answer, or not with what was asked for.
    NoAnswer(String),
}

impl<'a> Estate<'a> {
    /// Finds the deployment in a group. What the look comes to, where there is none or it cannot be read.
    pub(super) async fn find(azure: &'a Azure<'a>, subscription: Uuid, group: &str) -> Result<Self, Check> {
        let subscription_id = format!("/subscriptions/{subscription}");
        let group_id = format!("{subscription_id}/resourceGroups/{group}");
        let sites = format!("{group_id}/providers/Microsoft.Web/sites?api-version=2024-11-01");
        let wrong = |saw: String| {
            let mend = "Name the resource group that infra/ made, such as rg-latchkey-contoso, or deploy it first (azd up).";
            Check::wrong(CHECK, saw, DEPLOYER, mend)
        };
        let sites = match Seen::of(azure.look_at_all(&sites).await) {
            Seen::Missing => {
                return Err(wrong(format!(
                    "there is no resource group {group} in the subscription {subscription}"
                )));
            }
            seen => seen.known(CHECK, &format!("resource group {group}"), READER)?.clone(),
        };
        let named = sites.as_array().into_iter().flatten();
        let found: Vec<Names> = named.filter_map(|site| Names::of_app(site["name"].as_str()?)).collect();
        match found.as_slice() {
            [names] => {
                Ok(Self { azure, subscription: subscription_id, group: group_id, names: names.clone() })
            }
            [] => Err(wrong(format!("there is no function app func-latchkey-… in {group}"))),
            several => Err(wrong(format!(
                "there are several function apps in {group}: {}. infra/ makes a group for each deployment",
                several.iter().map(Names::app).collect::<Vec<_>>().join(", ")
            ))),
        }
    }

    /// Where something in the group is, such as `Microsoft.Web/sites/x`.
    pub(super) fn id(&self, below: &str) -> String {
        format!("{}/providers/{below}", self.group)
    }

    pub(super) async fn one(&self, below: &str, version: &str) -> Seen {
        Seen::of(self.azure.look(&format!("{}?api-version={version}", self.id(below))).await)
    }

    pub(super) async fn all(&self, below: &str, version: &str) -> Seen {
        self.all_at(&self.id(below), &format!("api-version={version}")).await
    }

    pub(super) async fn by_post(&self, below: &str, version: &str) -> Seen {
        Seen::of(self.azure.look_by_post(&format!("{}?api-version={version}", self.id(below))).await)
    }

    /// By an id of its own, wherever that is.
    pub(super) async fn one_at(&self, id: &str, version: &str) -> Seen {
        Seen::of(self.azure.look(&format!("{id}?api-version={version}")).await)
    }

    pub(super) async fn all_at(&self, path: &str, query: &str) -> Seen {
        Seen::of(self.azure.look_at_all(&format!("{path}?{query}")).await)
    }
}

impl Seen {
    fn of(asked: anyhow::Result<Asked>) -> Self {
        match asked {
            Ok(Asked::Answer(shown)) => Self::There(shown),
            Ok(Asked::Missing) => Self::Missing,
            Ok(Asked::NotAllowed(why)) => Self::NotAllowed(why),
            Err(error) => Self::NoAnswer(format!("{error:#}")),
        }
    }

    /// What is there; otherwise what the check comes to without it.
    pub(super) fn known(&self, check: &str, what: &str, role: &str) -> Result<&Json, Check> {
        match self {
            Self::There(shown) => Ok(shown),
            Self::Missing => Err(Check::wrong(check, format!("there is no {what}"), DEPLOYER, DEPLOY)),
            Self::NotAllowed(why) => Err(Check::not_checked(
                check,
                format!("{what} cannot be read: {why}. It takes the role {role}"),
            )),
            Self::NoAnswer(why) => Err(Check::not_checked(check, format!("{what} cannot be read: {why}"))),
        }
    }
}
