//! The two applications: the one that customers approve, and the one that the vendor's own people sign in to.

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{
    app_roles,
    piece::{Application, Difference, Found, Piece, Seen},
    wanted::Named,
};
use crate::azure::{Azure, Resource::Graph};

const PERMISSIONS: &str = "requiredResourceAccess";

/// Microsoft Graph, and its delegated permissions `User.Read` and `openid`.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const USER_READ: &str = "e1fe6dd8-ba31-4d61-89e7-88639da4683d";
const OPENID: &str = "37f7f235-527c-4136-accd-4a02d197296e";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Customers,
    SignIn,
}

/// An application, without its addresses.
pub(super) struct ApplicationPiece {
    pub(super) which: Which,
    pub(super) named: Named,
}

/// A property that has to have a value.
struct Expected {
    property: &'static str,
    pointer: &'static str,
    should: Json,
    /// What is sent to have it so.
    patch: Json,
}

impl Which {
    pub(super) fn of(self, seen: &Seen) -> Option<&Application> {
        match self {
            Self::Customers => seen.application.as_ref(),
            Self::SignIn => seen.sign_in.as_ref(),
        }
    }

    /// For what needs the application to be there: by now it is made.
    pub(super) fn made(self, seen: &Seen) -> anyhow::Result<&Application> {
        self.of(seen).context("the application is not there")
    }

    fn note(self, seen: &mut Seen, application: Option<Application>) {
        match self {
            Self::Customers => seen.application = application,
            Self::SignIn => seen.sign_in = application,
        }
    }

    fn expected(self) -> Vec<Expected> {
        let of = |property, pointer, should: Json, patch| Expected { property, pointer, should, patch };
        let empty = |property, pointer, patch| of(property, pointer, json!([]), patch);
        let (audience, id_tokens) = match self {
            Self::Customers => ("AzureADMultipleOrgs", false),
            Self::SignIn => ("AzureADMyOrg", true),
        };
        let implicit =
            |name: &'static str, value: bool| json!({ "web": { "implicitGrantSettings": { name: value } } });
        let mut expected = vec![
            of("signInAudience", "/signInAudience", json!(audience), json!({ "signInAudience": audience })),
            empty(PERMISSIONS, "/requiredResourceAccess", json!({ "requiredResourceAccess": [] })),
            of(
                "web.implicitGrantSettings.enableAccessTokenIssuance",
                "/web/implicitGrantSettings/enableAccessTokenIssuance",
                json!(false),
                implicit("enableAccessTokenIssuance", false),
            ),
            of(
                "web.implicitGrantSettings.enableIdTokenIssuance",
                "/web/implicitGrantSettings/enableIdTokenIssuance",
                json!(id_tokens),
                implicit("enableIdTokenIssuance", id_tokens),
            ),
            empty("spa.redirectUris", "/spa/redirectUris", json!({ "spa": { "redirectUris": [] } })),
            empty(
                "publicClient.redirectUris",
                "/publicClient/redirectUris",
                json!({ "publicClient": { "redirectUris": [] } }),
            ),
        ];
        if self == Self::Customers {
            // In a customer's tenant nobody can then add a credential to the application's service principal.
            let lock =
                json!({ "servicePrincipalLockConfiguration": { "isEnabled": true, "allProperties": true } });
            for (property, pointer) in [
                (
                    "servicePrincipalLockConfiguration.isEnabled",
                    "/servicePrincipalLockConfiguration/isEnabled",
                ),
                (
                    "servicePrincipalLockConfiguration.allProperties",
                    "/servicePrincipalLockConfiguration/allProperties",
                ),
            ] {
                expected.push(of(property, pointer, json!(true), lock.clone()));
            }
        }
        expected
    }
}

#[async_trait]
impl Piece for ApplicationPiece {
    fn kind(&self) -> &'static str {
        match self.which {
            Which::Customers => "application",
            Which::SignIn => "signInApplication",
        }
    }

    fn name(&self) -> String {
        self.named.name.clone()
    }

    async fn read(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<Found> {
        let application = find(azure, &self.named).await?;
        let found =
            application.as_ref().map_or(Found::Missing, |application| Found::of(self.wrong(application)));
        self.which.note(seen, application);
        Ok(found)
    }

    async fn make(&self, azure: &Azure<'_>, seen: &mut Seen) -> anyhow::Result<()> {
        let mut body = json!({ "displayName": self.named.name });
        for expected in self.which.expected() {
            merge(&mut body, expected.patch);
        }
        if self.which == Which::SignIn {
            body["appRoles"] = app_roles::all();
        }
        let made =
            azure.write(Method::POST, Graph, "/applications", &body, "registering the application").await?;
        self.which.note(seen, Some(Application::read(made)?));
        Ok(())
    }

    async fn mend(&self, azure: &Azure<'_>, seen: &mut Seen, wrong: &[Difference]) -> anyhow::Result<()> {
        let application = self.which.made(seen)?;
        let mut body = json!({});
        for expected in self.which.expected() {
            if wrong.iter().any(|difference| difference.property == expected.property) {
                merge(&mut body, expected.patch);
            }
        }
        if wrong.iter().any(|difference| difference.property == app_roles::PROPERTY) {
            body[app_roles::PROPERTY] = app_roles::added_to(&application.shown[app_roles::PROPERTY]);
        }
        let path = format!("/applications/{}", application.object_id);
        azure.write(Method::PATCH, Graph, &path, &body, "changing the application").await?;
        Ok(())
    }
}

impl ApplicationPiece {
    fn wrong(&self, application: &Application) -> Vec<Difference> {
        let shown = &application.shown;
        let mut wrong: Vec<Difference> = Vec::new();
        for Expected { property, pointer, should, .. } in self.which.expected() {
            let is = shown.pointer(pointer).unwrap_or(&Json::Null);
            // What Graph leaves out is empty or off.
            let absent = is.is_null() && (should == json!([]) || should == json!(false));
            let harmless = property == PERMISSIONS && asks_only_to_be_known(is);
            if *is != should && !absent && !harmless {
                wrong.push(Difference::new(property, is.to_string(), should.to_string()));
            }
        }
        wrong.extend(credentials(application));
        match self.which {
            Which::SignIn => wrong.extend(app_roles::wrong(&shown[app_roles::PROPERTY])),
            Which::Customers => wrong.extend(roles_that_nobody_needs(&shown[app_roles::PROPERTY])),
        }
        wrong
    }
}

/// Microsoft's support asks for one of these two where a consent fails with AADSTS650056 (Microsoft Learn, "Error
/// AADSTS650056"). They open nothing of the customer's.
fn asks_only_to_be_known(permissions: &Json) -> bool {
    let is_one = |one: &Json| one["type"] == "Scope" && (one["id"] == USER_READ || one["id"] == OPENID);
    let all_are = |access: &Json| access.as_array().is_some_and(|all| all.iter().all(is_one));
    let of_graph = |one: &Json| one["resourceAppId"] == GRAPH && all_are(&one["resourceAccess"]);
    permissions.as_array().is_some_and(|all| all.iter().all(of_graph))
}

/// Whoever has a secret of the application reads every customer's key. Only a person knows what still uses one.
fn credentials(application: &Application) -> Vec<Difference> {
    let mut wrong = Vec::new();
    for (property, flag) in [("passwordCredentials", ""), ("keyCredentials", " --cert")] {
        for credential in application.shown[property].as_array().into_iter().flatten() {
            let key = credential["keyId"].as_str().unwrap_or("KEY");
            let cure =
                format!("az ad app credential delete --id {} --key-id {key}{flag}", application.app_id);
            wrong.push(Difference::new(property, key, "none").by_hand(cure));
        }
    }
    wrong
}

/// An app role has to be disabled before it can be deleted.
fn roles_that_nobody_needs(roles: &Json) -> Option<Difference> {
    let values = roles.as_array().into_iter().flatten().filter_map(|role| role["value"].as_str());
    let values: Vec<&str> = values.collect();
    let cure = "in Microsoft Entra, under App roles of the application: disable, then delete them".to_owned();
    (!values.is_empty())
        .then(|| Difference::new(app_roles::PROPERTY, values.join(", "), "none").by_hand(cure))
}

async fn find(azure: &Azure<'_>, named: &Named) -> anyhow::Result<Option<Application>> {
    let filter = match named.id {
        Some(id) => format!("appId eq '{id}'"),
        None => format!("displayName eq '{}'", named.name.replace('\'', "''")),
    };
    let mut found = azure.list(Graph, "/applications", &[("$filter", &filter)]).await?;
    if let (Some(id), []) = (named.id, &found[..]) {
        bail!("this tenant has no application with the ID {id}");
    }
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().filter_map(|one| one["appId"].as_str()).collect();
        bail!(
            "{} applications are called \"{}\": {}. Say which one by its ID (--application, --sign-in-application)",
            found.len(),
            named.name,
            ids.join(", ")
        );
    }
    found.pop().map(Application::read).transpose()
}

/// Lays one body upon another, object by object.
fn merge(base: &mut Json, over: Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_that_open_nothing_are_right_and_all_others_are_wrong() {
        let access = |resource: &str, id: &str, kind: &str| json!([{ "resourceAppId": resource, "resourceAccess": [{ "id": id, "type": kind }] }]);
        for (permissions, harmless) in [
            (json!([]), true),
            (access(GRAPH, USER_READ, "Scope"), true),
            (access(GRAPH, OPENID, "Scope"), true),
            (access(GRAPH, USER_READ, "Role"), false),
            (access(GRAPH, "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9", "Role"), false),
            (access("cfa8b339-82a2-471a-a3c9-0fc0be7a4093", USER_READ, "Scope"), false),
            (json!(null), false),
        ] {
            assert_eq!(asks_only_to_be_known(&permissions), harmless, "{permissions}");
        }
    }
}
