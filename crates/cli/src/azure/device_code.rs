//! Signing in with a browser on any machine: the device code flow, without Azure CLI.
//!
//! Source: Microsoft Learn, "Microsoft identity platform and the OAuth 2.0 device authorization grant flow".

use std::time::Duration;

use anyhow::{Context as _, bail};
use async_trait::async_trait;
use reqwest::Client;
use serde_json::Value as Json;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use uuid::Uuid;

use super::tokens::{Resource, Tokens};

/// Azure CLI's own application: every tenant has it, and people may use it to manage Azure.
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// Entra says how often it may be asked. This is for an answer that does not.
const INTERVAL: u64 = 5;

/// Somebody who signs in when the first token is needed.
pub(super) struct DeviceCode {
    http: Client,
    tenant: Uuid,
    /// Good for tokens for any resource, once somebody has signed in.
    refresh: Mutex<Option<String>>,
}

impl DeviceCode {
    pub(super) fn new(http: Client, tenant: Uuid) -> Self {
        Self { http, tenant, refresh: Mutex::default() }
    }

    /// Shows the code and waits until somebody has signed in with it.
    async fn sign_in(&self) -> anyhow::Result<String> {
        let scope = format!("{} offline_access", scope(Resource::Graph));
        let begun = self.ask("devicecode", &[("client_id", CLIENT), ("scope", &scope)]).await?;
        let text = |name: &str| {
            let found = begun[name].as_str().map(str::to_owned);
            found.with_context(|| refusal(&begun))
        };
        let (code, message) = (text("device_code")?, text("message")?);
        eprintln!("{}", crate::output::harmless(&message));
        let seconds = |name: &str| begun[name].as_u64();
        let until = Instant::now() + Duration::from_secs(seconds("expires_in").unwrap_or(900).min(3600));
        let mut pause = Duration::from_secs(seconds("interval").unwrap_or(INTERVAL).clamp(1, 60));
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", CLIENT),
            ("device_code", code.as_str()),
        ];
        while Instant::now() < until {
            sleep(pause).await;
            let answer = self.ask("token", &form).await?;
            match answer["error"].as_str() {
                None => return self.refresh_token_of(&answer),
                Some("authorization_pending") => {}
                Some("slow_down") => pause += Duration::from_secs(INTERVAL),
                Some(_) => bail!(refusal(&answer)),
            }
        }
        bail!("nobody signed in with the code in time; run the command again")
    }

    fn refresh_token_of(&self, answer: &Json) -> anyhow::Result<String> {
        answer["refresh_token"].as_str().map(str::to_owned).context("Microsoft Entra gives no refresh token")
    }

    async fn ask(&self, what: &str, form: &[(&str, &str)]) -> anyhow::Result<Json> {
        let url = format!("https://login.microsoftonline.com/{}/oauth2/v2.0/{what}", self.tenant);
        let answer = self.http.post(url).form(form).send().await.map_err(reqwest::Error::without_url);
        let answer = answer.context("Microsoft Entra cannot be reached")?;
        answer.json().await.map_err(reqwest::Error::without_url).context("reading Microsoft Entra's answer")
    }
}

#[async_trait]
impl Tokens for DeviceCode {
    async fn token(&self, resource: Resource) -> anyhow::Result<String> {
        let mut refresh = self.refresh.lock().await;
        let known = match refresh.take() {
            Some(known) => known,
            None => self.sign_in().await?,
        };
        let scope = scope(resource);
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", known.as_str()),
            ("scope", scope.as_str()),
        ];
        let answer = self.ask("token", &form).await?;
        let token = answer["access_token"].as_str().with_context(|| refusal(&answer))?.to_owned();
        *refresh = Some(answer["refresh_token"].as_str().map_or(known, str::to_owned));
        Ok(token)
    }
}

fn scope(resource: Resource) -> String {
    format!("{}/.default", resource.url())
}

/// What Entra says against it: its first line, which holds no token.
fn refusal(answer: &Json) -> String {
    let said = answer["error_description"].as_str().or(answer["error"].as_str()).unwrap_or("no reason given");
    format!("Microsoft Entra refuses the sign-in: {}", said.lines().next().unwrap_or_default())
}
