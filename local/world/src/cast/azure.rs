//! One administrator's hands on Azure: tokens by client secret, and plain JSON as `az` would send it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, bail};
use latchkey_cli::azure::Resource;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use super::Network;

/// `https://management.core.windows.net//.default`, with the double slash that `az` sends.
const ARM_SCOPE: &str = "https://management.core.windows.net//.default";
const GRAPH_SCOPE: &str = "https://graph.microsoft.com//.default";
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";
const VAULT_SCOPE: &str = "https://vault.azure.net/.default";
/// With tokens of Entra since 2017-11-09.
const STORAGE_API: &str = "2021-12-02";
/// A token this close to its end is not used any more.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// What Azure refused.
#[derive(Debug, thiserror::Error)]
#[error("{what}: Azure answered {status} {code}: {message}")]
pub struct AzureError {
    /// What was being done.
    pub what: String,
    /// The HTTP status.
    pub status: StatusCode,
    /// The error's code, or nothing when the answer had none.
    pub code: String,
    /// The error's text for people.
    pub message: String,
}

/// What Azure answered.
#[derive(Debug, Clone)]
pub struct AzureResponse {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; null when it was empty or not JSON.
    pub body: Value,
}

impl AzureResponse {
    /// The body, if the status is a success.
    ///
    /// # Errors
    ///
    /// Any other status, with what Azure said about it.
    pub fn ok(self, what: &str) -> Result<Value, AzureError> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let error = &self.body["error"];
        // Entra's token endpoint has `error` as a word beside `error_description`; all others have an object.
        let code = error["code"].as_str().or_else(|| error.as_str()).unwrap_or_default();
        let message = error["message"].as_str().or_else(|| self.body["error_description"].as_str());
        Err(AzureError {
            what: what.to_owned(),
            status: self.status,
            code: code.to_owned(),
            message: message.unwrap_or("(no text)").to_owned(),
        })
    }
}

/// An administrator who is signed in to one tenant.
pub struct Azure {
    http: Client,
    network: Network,
    /// The tenant signed in to.
    pub tenant_id: Uuid,
    /// The subscription that is worked in.
    pub subscription_id: Uuid,
    /// The region things are made in.
    pub region: String,
    client_id: Uuid,
    client_secret: String,
    tokens: Mutex<BTreeMap<String, Token>>,
}

/// How an administrator signs in, and where they work.
pub struct SignIn {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The subscription.
    pub subscription_id: Uuid,
    /// The region.
    pub region: String,
    /// The application that is signed in with.
    pub client_id: Uuid,
    /// Its secret.
    pub client_secret: String,
}

struct Token {
    text: String,
    good_until: OffsetDateTime,
}

impl fmt::Debug for Azure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Azure").field("tenant_id", &self.tenant_id).finish_non_exhaustive()
    }
}

impl Azure {
    /// The administrator that a tenant is born with.
    ///
    /// # Errors
    ///
    /// No HTTP client can be built for this network.
    pub fn new(network: &Network, tenant: &sandbox::SeedTenant) -> anyhow::Result<Self> {
        let sign_in = SignIn {
            tenant_id: tenant.tenant_id,
            subscription_id: tenant.subscription_id,
            region: tenant.region.clone(),
            client_id: tenant.administrator.client_id,
            client_secret: tenant.administrator.client_secret.clone(),
        };
        Self::signed_in(network, sign_in)
    }

    /// Signs nobody in yet: the first call does.
    ///
    /// # Errors
    ///
    /// No HTTP client can be built for this network.
    pub fn signed_in(network: &Network, sign_in: SignIn) -> anyhow::Result<Self> {
        let SignIn { tenant_id, subscription_id, region, client_id, client_secret } = sign_in;
        Ok(Self {
            http: network.client()?,
            network: network.clone(),
            tenant_id,
            subscription_id,
            region,
            client_id,
            client_secret,
            tokens: Mutex::default(),
        })
    }

    /// The application that the administrator signs in with.
    #[must_use]
    pub fn client_id(&self) -> Uuid {
        self.client_id
    }

    /// ARM id of a resource group of the subscription.
    #[must_use]
    pub fn resource_group_id(&self, name: &str) -> String {
        format!("/subscriptions/{}/resourceGroups/{name}", self.subscription_id)
    }

    /// Calls Azure Resource Manager about the resource `id`.
    ///
    /// # Errors
    ///
    /// No token, or no answer.
    pub async fn arm(
        &self,
        method: Method,
        id: &str,
        api_version: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<AzureResponse> {
        let url = format!("https://management.azure.com{id}?api-version={api_version}");
        self.send(method, &url, ARM_SCOPE, body).await
    }

    /// Calls Microsoft Graph; `path` begins with a slash and follows the version.
    ///
    /// # Errors
    ///
    /// No token, or no answer.
    pub async fn graph(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<AzureResponse> {
        self.send(method, &format!("https://graph.microsoft.com/v1.0{path}"), GRAPH_SCOPE, body).await
    }

    /// Calls the data plane of a vault; `path` begins with a slash.
    ///
    /// # Errors
    ///
    /// No token, or no answer.
    pub async fn vault(
        &self,
        method: Method,
        vault: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<AzureResponse> {
        let url = format!("https://{vault}.vault.azure.net{path}?api-version=7.4");
        self.send(method, &url, VAULT_SCOPE, body).await
    }

    /// Makes a container of a storage account, or finds it there.
    ///
    /// # Errors
    ///
    /// No token, no answer, or a refusal.
    pub async fn make_container(&self, account: &Url, name: &str) -> anyhow::Result<()> {
        let url = format!("{}/{name}?restype=container", account.as_str().trim_end_matches('/'));
        let token = self.token(STORAGE_SCOPE).await?;
        let request = self.http.put(&url).bearer_auth(token).header("x-ms-version", STORAGE_API);
        let response =
            request.header("content-length", 0).send().await.with_context(|| format!("PUT {url}"))?;
        let status = response.status();
        if status == StatusCode::CREATED || status == StatusCode::CONFLICT {
            return Ok(());
        }
        let said = response.text().await.with_context(|| format!("PUT {url}"))?;
        bail!("making the container {name}: Azure Storage answered {status}: {said}")
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        scope: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<AzureResponse> {
        let token = self.token(scope).await?;
        let mut request = self.http.request(method.clone(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        reply_to(request).await.with_context(|| format!("{method} {url}"))
    }

    /// How Azure is reached.
    pub(crate) fn client(&self) -> Client {
        self.http.clone()
    }

    /// A token of the administrator for one of the services that a set-up calls.
    pub(super) async fn token_for(&self, resource: Resource) -> anyhow::Result<String> {
        self.token(match resource {
            Resource::Graph => GRAPH_SCOPE,
            Resource::ResourceManager => ARM_SCOPE,
        })
        .await
    }

    /// A token of the administrator, kept until shortly before its end.
    async fn token(&self, scope: &str) -> anyhow::Result<String> {
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(scope).filter(|token| self.network.now() < token.good_until) {
            return Ok(token.text.clone());
        }
        let client_id = self.client_id.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", &self.client_secret),
            ("scope", scope),
        ];
        let answer = request_token(&self.http, self.tenant_id, &form).await?;
        let token = Token { text: answer.0.clone(), good_until: self.network.now() + answer.1 };
        tokens.insert(scope.to_owned(), token);
        Ok(answer.0)
    }
}

/// Asks Entra's token endpoint. Returns the token and how long it may be used.
pub(super) async fn request_token(
    http: &Client,
    tenant: Uuid,
    form: &[(&str, &str)],
) -> anyhow::Result<(String, Duration)> {
    let url = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    let reply = reply_to(http.post(&url).form(form)).await.with_context(|| format!("POST {url}"))?;
    let body = reply.ok("signing in")?;
    let token = body["access_token"].as_str().context("Entra's answer has no access_token")?;
    let seconds = body["expires_in"].as_u64().context("Entra's answer has no expires_in")?;
    Ok((token.to_owned(), Duration::from_secs(seconds).saturating_sub(TOKEN_MARGIN)))
}

/// Sends a request and reads the answer; an answer without JSON has a null body.
pub(super) async fn reply_to(request: reqwest::RequestBuilder) -> anyhow::Result<AzureResponse> {
    let response = request.send().await?;
    let status = response.status();
    let bytes = response.bytes().await?;
    Ok(AzureResponse { status, body: serde_json::from_slice(&bytes).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_says_what_was_done_and_what_azure_said() {
        let body = json!({"error": {"code": "Forbidden", "message": "no"}});
        let error = AzureResponse { status: StatusCode::FORBIDDEN, body }.ok("making a vault").unwrap_err();
        assert_eq!(error.to_string(), "making a vault: Azure answered 403 Forbidden Forbidden: no");
    }

    #[test]
    fn the_token_endpoints_own_form_of_refusal_is_read() {
        let body = json!({"error": "invalid_client", "error_description": "AADSTS7000215: wrong secret"});
        let error = AzureResponse { status: StatusCode::UNAUTHORIZED, body }.ok("signing in").unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("invalid_client", "AADSTS7000215: wrong secret")
        );
    }

    #[test]
    fn a_refusal_without_a_body_is_still_a_refusal() {
        let error = AzureResponse { status: StatusCode::BAD_GATEWAY, body: Value::Null }.ok("x").unwrap_err();
        assert_eq!(error.status, StatusCode::BAD_GATEWAY);
    }
}
