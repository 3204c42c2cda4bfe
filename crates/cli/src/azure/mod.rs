//! Graph and Azure Resource Manager as the operator calls them: plain JSON, with the tokens of whoever runs the command.

mod asked;
mod az;
mod device_code;
mod signed_in;
mod tokens;

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, Method, StatusCode, Url, header::RETRY_AFTER};
use serde_json::{Value as Json, json};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

pub(crate) use self::{asked::Asked, signed_in::Session};
pub use self::{
    signed_in::{Login, SignedIn},
    tokens::{Resource, Tokens},
};

/// How long an object that was just made may be unknown to the next request.
const SPREADING: Duration = Duration::from_secs(180);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often a call that was put off is made again, and how long each is waited for.
const ATTEMPTS: u32 = 6;
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);
/// A list has fewer pages than this.
const MOST_PAGES: usize = 100;
/// A token is good for an hour at least.
const TOKEN_KEPT: Duration = Duration::from_secs(20 * 60);

/// Graph and Azure Resource Manager.
pub struct Azure<'a> {
    http: Client,
    tokens: &'a dyn Tokens,
    progress: &'a (dyn Fn(&str) + Send + Sync),
    kept: Mutex<BTreeMap<Resource, (String, Instant)>>,
}

/// What was answered.
struct Answer {
    status: StatusCode,
    body: Json,
}

impl<'a> Azure<'a> {
    /// `http` says how Azure is reached: proxy, certificates, time limit. `progress` is told what is waited for.
    #[must_use]
    pub fn new(http: Client, tokens: &'a dyn Tokens, progress: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        Self { http, tokens, progress, kept: Mutex::default() }
    }

    pub(crate) fn tell(&self, what: &str) {
        (self.progress)(what);
    }

    /// Something that may not be there.
    pub(crate) async fn get(&self, to: Resource, path: &str) -> anyhow::Result<Option<Json>> {
        let answer = self.send(Method::GET, &address(to, path, &[])?, to, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(succeeded(answer, to, &format!("reading {path}"))?))
    }

    /// Everything in a list, page after page.
    pub(crate) async fn list(
        &self,
        to: Resource,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<Vec<Json>> {
        let mut next = Some(address(to, path, query)?);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { return Ok(all) };
            let answer = self.send_when_known(Method::GET, &url, to, None).await?;
            let mut page = succeeded(answer, to, &format!("listing {path}"))?;
            match page["value"].take() {
                Json::Array(some) => all.extend(some),
                _ => bail!("the list {path} has no value"),
            }
            let link = page["nextLink"].as_str().or_else(|| page["@odata.nextLink"].as_str());
            next = link.map(|link| follow(to, link)).transpose()?;
        }
        bail!("the list {path} has no end")
    }

    /// Makes or changes something. What was made a moment ago may be unknown for a while: then it is tried again.
    pub(crate) async fn write(
        &self,
        method: Method,
        to: Resource,
        path: &str,
        body: &Json,
        what: &str,
    ) -> anyhow::Result<Json> {
        let url = address(to, path, &[])?;
        let answer = self.send_when_known(method, &url, to, Some(body)).await?;
        succeeded(answer, to, what)
    }

    async fn send_when_known(
        &self,
        method: Method,
        url: &Url,
        to: Resource,
        body: Option<&Json>,
    ) -> anyhow::Result<Answer> {
        let (limit, mut pause, mut told) = (Instant::now() + SPREADING, FIRST_PAUSE, false);
        loop {
            let answer = self.send(method.clone(), url, to, body).await?;
            let unknown = answer.status == StatusCode::NOT_FOUND
                || answer.body["error"]["code"] == "NoBackingApplicationObject";
            if !unknown || Instant::now() > limit {
                return Ok(answer);
            }
            if !told {
                self.tell("Azure does not know everywhere yet what was just made; waiting");
                told = true;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One call. A call that Azure puts off is made again: nothing was done yet.
    async fn send(
        &self,
        method: Method,
        url: &Url,
        to: Resource,
        body: Option<&Json>,
    ) -> anyhow::Result<Answer> {
        for attempt in 1.. {
            let token = self.token(to).await?;
            let mut request = self.http.request(method.clone(), url.clone()).bearer_auth(token);
            if let Some(body) = body {
                request = request.json(body);
            }
            let host = url.host_str().unwrap_or_default();
            let lost = || format!("{host} cannot be reached");
            let answer = request.send().await.map_err(reqwest::Error::without_url).with_context(lost)?;
            let (status, put_off) = (answer.status(), answer.headers().get(RETRY_AFTER).cloned());
            let bytes = answer.bytes().await.map_err(reqwest::Error::without_url).with_context(lost)?;
            let busy = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            if busy && attempt < ATTEMPTS {
                let asked = put_off.and_then(|value| value.to_str().ok()?.parse().ok());
                let pause = asked.map_or(LONGEST_PAUSE, Duration::from_secs).min(LONGEST_RETRY_AFTER);
                self.tell(&format!("{host} asks to wait {} s", pause.as_secs()));
                sleep(pause).await;
                continue;
            }
            return Ok(Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Json::Null) });
        }
        bail!("the call was not made")
    }

    async fn token(&self, resource: Resource) -> anyhow::Result<String> {
        let mut kept = self.kept.lock().await;
        if let Some((token, until)) = kept.get(&resource)
            && Instant::now() < *until
        {
            return Ok(token.clone());
        }
        let token = self.tokens.token(resource).await?;
        kept.insert(resource, (token.clone(), Instant::now() + TOKEN_KEPT));
        Ok(token)
    }
}

fn address(to: Resource, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Url> {
    let version = if to == Resource::Graph { "/v1.0" } else { "" };
    let mut url = Url::parse(&format!("{}{version}{path}", to.url())).context("an address of Azure")?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// The address of a list's next page. A token goes nowhere else than to the service that it is for.
fn follow(to: Resource, link: &str) -> anyhow::Result<Url> {
    let url = Url::parse(link).context("the address of a list's next page")?;
    let origin = Url::parse(to.url()).context("the address of a service")?.origin();
    ensure!(url.origin() == origin, "a list's next page is at {}, not at {}", url.authority(), to.url());
    Ok(url)
}

fn succeeded(answer: Answer, to: Resource, what: &str) -> anyhow::Result<Json> {
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    let no_error = json!({});
    let error = answer.body.get("error").unwrap_or(&no_error);
    let text = |name: &str| crate::output::cut(error[name].as_str().unwrap_or_default(), 600);
    let hint = match (answer.status, to) {
        (StatusCode::FORBIDDEN, Resource::Graph) => {
            ". Registering applications needs the role Application Developer, changing those of others \
             Application Administrator"
        }
        (StatusCode::FORBIDDEN, Resource::ResourceManager) => {
            ". Defining and assigning roles needs Owner or User Access Administrator"
        }
        _ => "",
    };
    let (code, message) = (text("code"), text("message"));
    bail!(
        "{what}: {} answered {} {code}: {}{hint}",
        to.url(),
        answer.status.as_u16(),
        message.trim_end_matches('.')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_own_service_only() {
        let graph = Resource::Graph;
        assert!(follow(graph, "https://graph.microsoft.com/v1.0/applications?$skiptoken=x").is_ok());
        for other in [
            "https://graph.microsoft.com.example.org/",
            "http://graph.microsoft.com/",
            "https://management.azure.com/",
            "x",
        ] {
            assert!(follow(graph, other).is_err(), "{other}");
        }
    }
}
