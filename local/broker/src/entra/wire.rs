//! How Entra and Resource Manager are asked.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Proxy, RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::Entra;
use super::keys::Keys;
use super::roles::{Assignment, Grants, Permission};

const LOGIN: &str = "https://login.microsoftonline.com";
const RESOURCE_MANAGER: &str = "https://management.azure.com";
const AUTHORIZATION_API: &str = "2022-04-01";
const SERVICE_BUS_API: &str = "2024-01-01";
/// No answer takes longer than this.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The most pages that a list of role assignments may have.
const MOST_PAGES: usize = 100;

/// Entra or Resource Manager could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum EntraError {
    /// The proxy's address or the authority's certificate cannot be used.
    #[error("the proxy or the certificate for Entra and Resource Manager cannot be used")]
    Setting(#[source] reqwest::Error),
    /// There was no answer, or one that cannot be read.
    #[error("{url} gave no answer that can be read")]
    Silent {
        /// What was asked.
        url: String,
        /// What went wrong.
        source: reqwest::Error,
    },
    /// The answer is a refusal.
    #[error("{url} answered {status}: {body}")]
    Refused {
        /// What was asked.
        url: String,
        /// The status of the answer.
        status: u16,
        /// Its body.
        body: String,
    },
    /// A list of role assignments has no end.
    #[error("the list of role assignments has more than {MOST_PAGES} pages")]
    Endless,
}

/// The way to both.
pub(super) struct Wire {
    http: Client,
    tenant: Uuid,
    reader: (Uuid, String),
    namespace_id: String,
    token: Mutex<Option<String>>,
    /// What each role allows, by the id of its definition. Assignments come and go; definitions stay.
    roles: Mutex<BTreeMap<String, Vec<Permission>>>,
}

#[derive(Deserialize)]
struct Configuration {
    jwks_uri: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Namespace {
    properties: NamespaceProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamespaceProperties {
    #[serde(default)]
    disable_local_auth: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    value: Vec<Listed>,
    next_link: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    properties: Assignment,
}

#[derive(Deserialize)]
struct Definition {
    properties: DefinitionProperties,
}

#[derive(Deserialize)]
struct DefinitionProperties {
    permissions: Vec<Permission>,
}

impl Wire {
    pub(super) fn new(entra: &Entra) -> Result<Self, EntraError> {
        let authority = Certificate::from_pem(&entra.authority).map_err(EntraError::Setting)?;
        let mut builder = Client::builder()
            .tls_certs_only([authority])
            .redirect(Policy::none())
            .timeout(TIME_LIMIT)
            // What the shell says of proxies is for clients.
            .no_proxy();
        if let Some(proxy) = &entra.proxy {
            builder = builder.proxy(Proxy::https(proxy).map_err(EntraError::Setting)?);
        }
        Ok(Self {
            http: builder.build().map_err(EntraError::Setting)?,
            tenant: entra.tenant,
            reader: entra.reader.clone(),
            namespace_id: entra.namespace_id.clone(),
            token: Mutex::default(),
            roles: Mutex::default(),
        })
    }

    /// The keys that the tenant's tokens are signed with, where its configuration says that they are.
    pub(super) async fn keys(&self) -> Result<Keys, EntraError> {
        let url = format!("{LOGIN}/{}/.well-known/openid-configuration", self.tenant);
        let Configuration { jwks_uri } = read(self.http.get(&url), &url).await?;
        read(self.http.get(&jwks_uri), &jwks_uri).await
    }

    /// Whether the namespace takes keys besides tokens.
    pub(super) async fn local_auth(&self) -> Result<bool, EntraError> {
        let url = format!("{RESOURCE_MANAGER}{}?api-version={SERVICE_BUS_API}", self.namespace_id);
        let namespace: Namespace = self.ask(&url).await?;
        Ok(!namespace.properties.disable_local_auth)
    }

    /// Who may do what in the namespace.
    pub(super) async fn grants(&self) -> Result<Grants, EntraError> {
        let mut assignments = Vec::new();
        let list = "providers/Microsoft.Authorization/roleAssignments";
        let first = format!("{RESOURCE_MANAGER}{}/{list}?api-version={AUTHORIZATION_API}", self.namespace_id);
        let mut next = Some(first);
        for _ in 0..MOST_PAGES {
            let Some(url) = next.take() else { break };
            let page: Page = self.ask(&url).await?;
            assignments.extend(page.value.into_iter().map(|listed| listed.properties));
            next = page.next_link;
        }
        if next.is_some() {
            return Err(EntraError::Endless);
        }
        let mut roles = self.roles.lock().await;
        for assignment in &assignments {
            let id = &assignment.role_definition_id;
            if !roles.contains_key(id) {
                let url = format!("{RESOURCE_MANAGER}{id}?api-version={AUTHORIZATION_API}");
                let definition: Definition = self.ask(&url).await?;
                roles.insert(id.clone(), definition.properties.permissions);
            }
        }
        Ok(Grants::of(&assignments, &roles, &self.namespace_id))
    }

    /// Asks Resource Manager, with another token when the one at hand is refused: it may have ended.
    async fn ask<T: DeserializeOwned>(&self, url: &str) -> Result<T, EntraError> {
        let mut token = self.token.lock().await;
        let had_one = token.is_some();
        let current = match &*token {
            Some(current) => current.clone(),
            None => token.insert(self.sign_in().await?).clone(),
        };
        let refused = StatusCode::UNAUTHORIZED.as_u16();
        match read(self.http.get(url).bearer_auth(&current), url).await {
            Err(EntraError::Refused { status, .. }) if had_one && status == refused => {
                let another = token.insert(self.sign_in().await?).clone();
                read(self.http.get(url).bearer_auth(&another), url).await
            }
            answer => answer,
        }
    }

    async fn sign_in(&self) -> Result<String, EntraError> {
        let url = format!("{LOGIN}/{}/oauth2/v2.0/token", self.tenant);
        let (client_id, secret) = &self.reader;
        let client_id = client_id.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", secret),
            ("scope", "https://management.azure.com/.default"),
        ];
        let token: Token = read(self.http.post(&url).form(&form), &url).await?;
        Ok(token.access_token)
    }
}

async fn read<T: DeserializeOwned>(request: RequestBuilder, url: &str) -> Result<T, EntraError> {
    let silent = |source| EntraError::Silent { url: url.to_owned(), source };
    let response = request.send().await.map_err(silent)?;
    let status = response.status();
    if status.is_success() {
        return response.json().await.map_err(silent);
    }
    let body = response.text().await.map_err(silent)?;
    Err(EntraError::Refused { url: url.to_owned(), status: status.as_u16(), body })
}
