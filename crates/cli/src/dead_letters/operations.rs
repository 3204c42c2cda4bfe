//! What the function app knows about onboardings: its operations API.

use std::{collections::BTreeMap, time::Duration};

use dead_letters::{Letter, Planned, Replayable};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::args::App;

/// How long the app may take: a check asks the customer's vault.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// An onboarding as the app's list has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Onboarding {
    onboarding: String,
    pub(super) state: Json,
    tenant: Option<String>,
    pub(super) blocker: Option<Json>,
}

/// The app, and what it told.
pub(super) struct Operations {
    access: Result<Access, String>,
    onboardings: Result<BTreeMap<String, Onboarding>, String>,
    checked: BTreeMap<Question, Result<(), String>>,
}

/// An onboarding, and the key to try for it when the message names one.
type Question = (String, Option<String>);

fn question_of(letter: &Letter, onboarding: &str) -> Question {
    let key = letter.event.as_ref().and_then(|event| event.data["key"].as_str());
    (onboarding.to_owned(), key.map(str::to_owned))
}

struct Access {
    base: String,
    key: Option<String>,
    client: Client,
}

impl Operations {
    /// Asks for the onboardings once. An app that cannot be asked is no error: what depends on it is then not known,
    /// and says so.
    pub(super) async fn ask(app: &App) -> Self {
        let access = Access::of(app);
        let onboardings = match &access {
            Err(why) => Err(why.clone()),
            Ok(access) => access.list().await,
        };
        Self { access, onboardings, checked: BTreeMap::new() }
    }

    /// The onboarding, `None` when there is no such one, or why it cannot be known.
    pub(super) fn onboarding(&self, id: &str) -> Result<Option<&Onboarding>, &str> {
        self.onboardings.as_ref().map(|all| all.get(&id.to_ascii_lowercase())).map_err(String::as_str)
    }

    pub(super) fn tenant_of(&self, onboarding: &str) -> Option<String> {
        self.onboarding(onboarding).ok().flatten()?.tenant.clone()
    }

    /// Why the app could not be asked.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.onboardings.as_ref().err().map(String::as_str)
    }

    /// Whether a letter could be replayed now, by what is known without asking anybody's vault.
    pub(super) fn replayable(&self, letter: &Letter) -> Replayable {
        if !letter.can_be_sent_again() {
            return Replayable::No("its body cannot be sent again".to_owned());
        }
        if let Some(why) = hopeless(letter.reason()) {
            return Replayable::No(why.to_owned());
        }
        let Some(id) = letter.onboarding().filter(|_| needs_the_key(&letter.id.entity, letter.reason()))
        else {
            return Replayable::Yes;
        };
        match (self.checked.get(&question_of(letter, id)), self.onboarding(id)) {
            (Some(Ok(())), _) => Replayable::Yes,
            (Some(Err(why)), _) => Replayable::No(why.clone()),
            (None, Err(why)) => Replayable::Unknown(why.to_owned()),
            (None, Ok(None)) => Replayable::No("the app has no such onboarding".to_owned()),
            (None, Ok(Some(onboarding))) => {
                match onboarding.blocker.as_ref().filter(|blocker| is_about_the_key(blocker)) {
                    Some(blocker) => Replayable::No(summary_of(blocker)),
                    None => Replayable::Unknown("its key was not tested (--check)".to_owned()),
                }
            }
        }
    }

    /// Asks the app for a fresh check of the key on which a letter depends, once for each key.
    pub(super) async fn check_key_of(&mut self, letter: &Letter) {
        let Some(id) = letter.onboarding().filter(|_| needs_the_key(&letter.id.entity, letter.reason()))
        else {
            return;
        };
        let question = question_of(letter, id);
        if !self.checked.contains_key(&question) {
            let answer = self.check(&question.0, question.1.as_deref()).await;
            self.checked.insert(question, answer);
        }
    }

    /// Asks the app for a fresh check of every key on which one of these depends. Answers why which are to stay.
    pub(super) async fn not_ready<'a>(
        &self,
        messages: impl Iterator<Item = &'a Planned>,
    ) -> BTreeMap<dead_letters::LetterId, String> {
        let mut asked: BTreeMap<Question, Option<String>> = BTreeMap::new();
        let mut skips = BTreeMap::new();
        for planned in messages {
            if !needs_the_key(&planned.id.entity, &planned.reason) {
                continue;
            }
            let Some(onboarding) = &planned.onboarding else {
                skips.insert(
                    planned.id.clone(),
                    "it names no onboarding, so its key cannot be tested".to_owned(),
                );
                continue;
            };
            let question = (onboarding.clone(), planned.key.clone());
            let why = match asked.get(&question) {
                Some(known) => known.clone(),
                None => {
                    let why = self.check(onboarding, planned.key.as_deref()).await.err();
                    asked.insert(question, why.clone());
                    why
                }
            };
            if let Some(why) = why {
                skips.insert(planned.id.clone(), why);
            }
        }
        skips
    }

    /// Whether the key works now; if not, or if nobody knows, why.
    async fn check(&self, onboarding: &str, key: Option<&str>) -> Result<(), String> {
        let unknown = |why: &str| format!("its key could not be tested: {why}");
        let access = self.access.as_ref().map_err(|why| unknown(why))?;
        let body = key.map(|key| json!({"key": key})).unwrap_or_else(|| json!({}));
        let path = format!("/api/operations/onboardings/{onboarding}/check");
        let answer = access.ask(Method::POST, &path, Some(&body)).await.map_err(|why| unknown(&why))?;
        match answer["works"].as_bool() {
            Some(true) => Ok(()),
            Some(false) => Err(format!("its key does not work: {}", summary_of(&answer))),
            None => Err(unknown("the app's answer cannot be read")),
        }
    }
}

impl Access {
    fn of(app: &App) -> Result<Self, String> {
        let Some(base) = app.app_url.as_deref().filter(|url| !url.is_empty()) else {
            return Err("no function app is given (--app-url, LATCHKEY_URL)".to_owned());
        };
        let base = base.trim_end_matches('/').to_owned();
        let client =
            Client::builder().timeout(TIME_LIMIT).redirect(reqwest::redirect::Policy::none()).build();
        let client = client.map_err(|error| format!("HTTPS is not available: {error}"))?;
        let key = std::env::var("LATCHKEY_FUNCTION_KEY").ok().filter(|key| !key.is_empty());
        Ok(Self { base, key, client })
    }

    async fn list(&self) -> Result<BTreeMap<String, Onboarding>, String> {
        let mut answer = self.ask(Method::GET, "/api/operations/onboardings", None).await?;
        let list: Vec<Onboarding> = serde_json::from_value(answer["onboardings"].take())
            .map_err(|_| format!("the answer of {} is not a list of onboardings", self.base))?;
        Ok(list.into_iter().map(|found| (found.onboarding.to_ascii_lowercase(), found)).collect())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Json>) -> Result<Json, String> {
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
        let json: Json = answer.json().await.unwrap_or_default();
        match status {
            status if status.is_success() => Ok(json),
            StatusCode::UNAUTHORIZED => Err(format!(
                "the function app at {} needs its function key in LATCHKEY_FUNCTION_KEY",
                self.base
            )),
            status => {
                let title = json["title"].as_str().unwrap_or("no reason given");
                Err(format!("the function app at {} returned {status}: {title}", self.base))
            }
        }
    }
}

/// Reasons for which a replay of the same message comes to the same end.
fn hopeless(reason: &str) -> Option<&'static str> {
    match reason {
        "Undecodable" => Some("no function can read it; discard it"),
        "Forbidden" | "Illegal" => Some("it contradicts its onboarding"),
        _ => None,
    }
}

/// Whether it died because a key was refused for too long: replayed, it dies again unless the key works.
///
/// The steps that ask the customer's vault, or have Azure ask it, retry while a grant may be spreading and die at the
/// deadline.
fn needs_the_key(function: &str, reason: &str) -> bool {
    let asks_the_vault = [
        "key_shared",
        "key_check_due",
        "provision_requested",
        "provision_started",
        "disk_encryption_requested",
    ];
    matches!(reason, "DeadlineExceeded" | "KeyRefused")
        && asks_the_vault.iter().any(|name| function.eq_ignore_ascii_case(name))
}

/// What stands in the way of a replay is something of the customer's; that the step was refused, or that the key which
/// it was to hand in is not there, is what the replay is for.
fn is_about_the_key(blocker: &Json) -> bool {
    blocker["owner"] == "customer" && blocker["code"] != "key-not-shared"
}

pub(super) fn summary_of(finding: &Json) -> String {
    let text = |name: &str| finding[name].as_str();
    let (code, summary) = (text("code").unwrap_or("unknown"), text("summary").unwrap_or("no summary"));
    format!("{summary} ({code})")
}
