//! A connection that is based on a managed identity, as `{name}__fullyQualifiedNamespace` asks for it.
//!
//! Sources: Microsoft Learn, "Connecting to host storage with an identity" and "Identity-based connections" of the
//! Functions developer guide; the endpoint of "How to use managed identities for App Service and Azure Functions".
//! Microsoft's host takes the endpoint from the environment, and so does this one, from the app's settings over its own
//! environment.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use reqwest::Client;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::settings::Settings;

use super::sdk::ConnectionError;

const VERSION: &str = "2019-08-01";
/// The endpoint is on this machine.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// A token this close to its end is not used any more.
const MARGIN: Duration = Duration::from_secs(300);

/// The namespace that the settings name for a connection.
pub(super) fn namespace<'a>(name: &str, settings: &'a Settings) -> Option<&'a str> {
    part(name, "fullyQualifiedNamespace", settings)
}

/// Who the connection's settings say that the host is.
pub(super) fn credential(
    name: &str,
    settings: &Settings,
) -> Result<Arc<dyn TokenCredential>, ConnectionError> {
    let wrong = |why: String| ConnectionError::Identity { name: name.to_owned(), why };
    // Without it Microsoft's host tries one source after the other; the identity is the one that there is in Azure.
    if let Some(kind) = part(name, "credential", settings)
        && !kind.eq_ignore_ascii_case("managedidentity")
    {
        return Err(wrong(format!("'{name}__credential' is '{kind}', and only managedidentity is known")));
    }
    let client = part(name, "clientId", settings).map(|id| ("client_id", id.to_owned()));
    let resource = part(name, "managedIdentityResourceId", settings).map(|id| ("mi_res_id", id.to_owned()));
    if client.is_some() && resource.is_some() {
        return Err(wrong(format!(
            "'{name}__clientId' and '{name}__managedIdentityResourceId' are both set, and only one may be"
        )));
    }
    let setting = |setting: &str| {
        let value = settings.get(setting).filter(|value| !value.is_empty());
        value
            .map(str::to_owned)
            .ok_or_else(|| wrong(format!("{setting} is not set: there is no identity here")))
    };
    let (endpoint, header) = (setting("IDENTITY_ENDPOINT")?, setting("IDENTITY_HEADER")?);
    let http = Client::builder().no_proxy().timeout(TIME_LIMIT).build();
    let http = http.map_err(|error| wrong(format!("no HTTP client can be made: {error}")))?;
    let chosen = client.or(resource);
    Ok(Arc::new(ManagedIdentity { http, endpoint, header, chosen, token: Mutex::default() }))
}

/// A part of a connection, under the two names that it may have. An empty one is none.
fn part<'a>(name: &str, part: &str, settings: &'a Settings) -> Option<&'a str> {
    [format!("{name}__{part}"), format!("AzureWebJobs{name}__{part}")]
        .iter()
        .find_map(|setting| settings.get(setting).filter(|value| !value.is_empty()))
}

struct ManagedIdentity {
    http: Client,
    endpoint: String,
    header: String,
    chosen: Option<(&'static str, String)>,
    token: Mutex<Option<AccessToken>>,
}

/// Without the header, which is a secret.
impl std::fmt::Debug for ManagedIdentity {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ManagedIdentity").field("chosen", &self.chosen).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    /// Unix seconds, as a text.
    expires_on: String,
}

#[async_trait]
impl TokenCredential for ManagedIdentity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut kept = self.token.lock().await;
        if let Some(token) = &*kept
            && token.expires_on > Clock::default().now() + MARGIN
        {
            return Ok(token.clone());
        }
        let token = self.ask(scopes).await?;
        *kept = Some(token.clone());
        Ok(token)
    }
}

impl ManagedIdentity {
    async fn ask(&self, scopes: &[&str]) -> azure_core::Result<AccessToken> {
        let failed = |why: String| Error::with_message(ErrorKind::Credential, why);
        let scope = scopes.first().copied().unwrap_or_default();
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let mut query = vec![("api-version", VERSION), ("resource", resource)];
        query.extend(self.chosen.iter().map(|(name, value)| (*name, value.as_str())));
        let mut url = url::Url::parse(&self.endpoint)
            .map_err(|error| failed(format!("IDENTITY_ENDPOINT is no address: {error}")))?;
        url.query_pairs_mut().extend_pairs(query);
        let request = self.http.get(url).header("x-identity-header", &self.header);
        let silent = |error: reqwest::Error| failed(format!("the identity endpoint gave no answer: {error}"));
        let response = request.send().await.map_err(silent)?;
        let status = response.status();
        let body = response.bytes().await.map_err(silent)?;
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body);
            return Err(failed(format!("the identity endpoint answered {status}: {said}")));
        }
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|error| failed(format!("the identity endpoint's answer is none: {error}")))?;
        let ends = answer.expires_on.parse().ok().and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        let ends = ends.ok_or_else(|| failed("the identity endpoint's token has no end".to_owned()))?;
        Ok(AccessToken::new(answer.access_token, ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("IDENTITY_ENDPOINT", "http://127.0.0.1:9/msi/token");
    const HEADER: (&str, &str) = ("IDENTITY_HEADER", "secret");

    #[test]
    fn what_the_settings_lack_or_say_twice_is_named() {
        let check = |settings: &[(&str, &str)]| credential("Bus", &Settings::only(settings));
        let client = ("AzureWebJobsBus__clientId", "id");
        let kind = ("Bus__credential", "managedIdentity");
        assert!(check(&[ENDPOINT, HEADER]).is_ok());
        assert!(check(&[ENDPOINT, HEADER, client, kind]).is_ok());
        let resource = ("Bus__managedIdentityResourceId", "/subscriptions/s");
        let table: [(&[(&str, &str)], &str); 4] = [
            (&[HEADER], "IDENTITY_ENDPOINT is not set"),
            (&[ENDPOINT, ("IDENTITY_HEADER", "")], "IDENTITY_HEADER is not set"),
            (&[ENDPOINT, HEADER, ("Bus__credential", "workloadidentity")], "only managedidentity is known"),
            (&[ENDPOINT, HEADER, client, resource], "only one may be"),
        ];
        for (settings, expected) in table {
            let error = check(settings).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_for_once_with_the_header_and_for_the_chosen_identity() {
        use axum::{Json, Router, extract::RawQuery, http::HeaderMap, routing::get};
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let seen = asked.clone();
        let answer = async move |headers: HeaderMap, RawQuery(query): RawQuery| {
            let header = headers["x-identity-header"].to_str().unwrap().to_owned();
            seen.lock().unwrap().push((header, query.unwrap()));
            let ends = (Clock::default().now() + Duration::from_secs(3600)).unix_timestamp().to_string();
            Json(serde_json::json!({ "access_token": "token", "expires_on": ends }))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let served =
            tokio::spawn(axum::serve(listener, Router::new().route("/msi/token", get(answer))).into_future());
        let settings = [("IDENTITY_ENDPOINT", endpoint.as_str()), HEADER, ("Bus__clientId", "me")];
        let credential = credential("Bus", &Settings::only(&settings)).unwrap();
        for _ in 0..2 {
            let token = credential.get_token(&["https://servicebus.azure.net/.default"], None).await.unwrap();
            assert_eq!(token.token.secret(), "token");
        }
        let query = "api-version=2019-08-01&resource=https%3A%2F%2Fservicebus.azure.net&client_id=me";
        assert_eq!(*asked.lock().unwrap(), [("secret".to_owned(), query.to_owned())]);
        served.abort();
    }
}
