//! The function app, as the operator's tool asks it: its operations API.

use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value as Json;

/// How long the app may take: a check asks the customer's vault.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Where the function app is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Function app")]
pub struct App {
    /// The function app's URL, to read onboardings and to have keys tested
    ///
    /// In Azure its operations API needs a function key: set it in LATCHKEY_FUNCTION_KEY.
    #[arg(long, value_name = "URL", env = "LATCHKEY_URL", verbatim_doc_comment)]
    pub app_url: Option<String>,
}

/// The function app.
pub(crate) struct FunctionApp {
    base: String,
    key: Option<String>,
    client: Client,
}

impl FunctionApp {
    /// Its address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// # Errors
    /// When none is named, or HTTPS is not available.
    pub(crate) fn of(app: &App) -> Result<Self, String> {
        let Some(base) = app.app_url.as_deref().filter(|url| !url.is_empty()) else {
            return Err("no function app is given (--app-url, LATCHKEY_URL)".to_owned());
        };
        let base = base.trim_end_matches('/').to_owned();
        let client = client()?;
        let key = std::env::var("LATCHKEY_FUNCTION_KEY").ok().filter(|key| !key.is_empty());
        Ok(Self { base, key, client })
    }

    /// Asks, and reads the answer.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, String> {
        let answer = self.send(method, path, body).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// A file, byte for byte as the app sends it.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub(crate) async fn download(&self, path: &str) -> Result<Vec<u8>, String> {
        self.send(Method::GET, path, None).await
    }

    /// The same app on another connection, which another instance may answer.
    pub(crate) fn on_a_new_connection(&self) -> Result<Self, String> {
        Ok(Self { base: self.base.clone(), key: self.key.clone(), client: client()? })
    }

    /// Asks for a body that comes with a status of its own meaning: 200, or 503 when something is wrong.
    ///
    /// # Errors
    /// When it cannot be reached, or refuses.
    pub(crate) async fn ask_whatever_status(&self, method: Method, path: &str) -> Result<Vec<u8>, String> {
        let (status, body) = self.exchange(method, path, None).await?;
        match status {
            StatusCode::SERVICE_UNAVAILABLE => Ok(body),
            _ => self.accepted(status, body),
        }
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Vec<u8>, String> {
        let (status, body) = self.exchange(method, path, body).await?;
        self.accepted(status, body)
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Json>,
    ) -> Result<(StatusCode, Vec<u8>), String> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header("accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("x-functions-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        // Without its address: it may hold what was typed.
        let unreachable = |error: reqwest::Error| {
            format!("the function app at {} cannot be reached: {}", self.base, error.without_url())
        };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unreachable)?;
        Ok((status, body.to_vec()))
    }

    fn accepted(&self, status: StatusCode, body: Vec<u8>) -> Result<Vec<u8>, String> {
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::UNAUTHORIZED => Err(format!(
                "the function app at {} needs its function key in LATCHKEY_FUNCTION_KEY",
                self.base
            )),
            status => {
                let json: Json = serde_json::from_slice(&body).unwrap_or_default();
                let title = json["title"].as_str().unwrap_or("no reason given");
                Err(format!("the function app at {} returned {status}: {title}", self.base))
            }
        }
    }
}

fn client() -> Result<Client, String> {
    let client = Client::builder().timeout(TIME_LIMIT).redirect(reqwest::redirect::Policy::none()).build();
    client.map_err(|error| format!("HTTPS is not available: {error}"))
}
