//! Which dead letters a replay can help, and what has to work first.
//!
//! The answer comes from [`Reason`], the table of functions and the journal, so that no tool keeps a list of its own.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_ids::KeyUrl;
use onboarding::{Onboarding, OnboardingId, Reason, Replay, Stage, finding::Owner, journal::JournalError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{check::try_now, within_budget};
use crate::{
    App,
    pages::{Problem, body, private_json},
    step::{StepError, chain_of},
    table::{System, table},
};

/// More than this are asked about in several requests.
const MOST_LETTERS: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    letters: Vec<Letter>,
    /// Whether the keys on which letters depend are tried now. It asks the customers' vaults.
    #[serde(default)]
    check: bool,
}

/// What is known of a dead letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    /// The function whose queue it is in.
    function: String,
    reason: String,
    onboarding: Option<String>,
    /// The key that it names.
    key: Option<String>,
}

/// Whether a replay can help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assessment {
    replay: Verdict,
    /// Why, or what has to work first.
    why: String,
    /// The page of the runbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Yes,
    No,
    Unknown,
}

/// `{"letters": [{"function", "reason", "onboarding", "key"}], "check": true}`; the answers come in the same order.
pub(super) async fn assess(State(app): State<App>, headers: HeaderMap, body: Body) -> Response {
    match assessments(&app, body).await {
        Ok(answers) => private_json(StatusCode::OK, &json!({ "letters": answers })),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn assessments(app: &App, body: Body) -> Result<Vec<Assessment>, Problem> {
    let body = body::read(body, body::LETTERS).await?;
    let question: Question = serde_json::from_slice(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("Letters are expected: {error}.")))?;
    if question.letters.len() > MOST_LETTERS {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("At most {MOST_LETTERS} letters in one request."),
        ));
    }
    let mut asked = Asked { app, check: question.check, keys: BTreeMap::new() };
    let mut answers = Vec::with_capacity(question.letters.len());
    for letter in &question.letters {
        let (replay, why) = asked.about(letter).await;
        let runbook = letter.reason.parse().ok().map(Reason::runbook);
        answers.push(Assessment { replay, why, runbook });
    }
    Ok(answers)
}

struct Asked<'a> {
    app: &'a App,
    check: bool,
    /// What each key was found to be: a key is tried once, however many letters depend on it.
    keys: BTreeMap<(OnboardingId, String), (Verdict, String)>,
}

impl Asked<'_> {
    async fn about(&mut self, letter: &Letter) -> (Verdict, String) {
        let Some(function) =
            table().iter().find(|function| function.queue() == Some(letter.function.as_str()))
        else {
            return (Verdict::No, "no function takes messages from this queue".to_owned());
        };
        // Whoever moved it: a reason that is not ours says nothing about the message.
        let replay = letter.reason.parse::<Reason>().map_or(Replay::OnceKeyWorks, Reason::replay);
        if replay == Replay::Never {
            return (Verdict::No, "the message comes to the same end; discard it".to_owned());
        }
        let Some(id) = letter.onboarding.as_deref().and_then(|id| id.parse::<OnboardingId>().ok()) else {
            return (Verdict::No, "the message does not name an onboarding".to_owned());
        };
        let onboarding = match self.app.journal.load(id).await {
            Ok(Some(head)) => head.onboarding,
            Ok(None) if function.name == "signup_requested" => {
                return (Verdict::Yes, "the sign-up is carried out".to_owned());
            }
            Ok(None) => return (Verdict::No, "this onboarding was never opened".to_owned()),
            Err(error @ (JournalError::Unreadable { .. } | JournalError::Tampered { .. })) => {
                return (Verdict::No, error.to_string());
            }
            Err(error) => return (Verdict::Unknown, chain_of(&error)),
        };
        if onboarding.stage() == Stage::Ended {
            return (Verdict::No, "the onboarding has ended; discard it".to_owned());
        }
        match replay {
            Replay::Never | Replay::OnceOpened | Replay::OnceReadable => {
                (Verdict::Yes, "what it waited for is there now".to_owned())
            }
            Replay::OnceMended => (Verdict::Yes, "once what the description names is corrected".to_owned()),
            // Where everything is undone, a key that works not is no obstacle: of the proof it is the aim.
            Replay::OnceKeyWorks if onboarding.leaving().is_some() => {
                (Verdict::Yes, "it gets its whole deadline again".to_owned())
            }
            Replay::OnceKeyWorks if function.calls.iter().any(|system| depends_on_the_key(*system)) => {
                self.once_the_key_works(&onboarding, letter).await
            }
            Replay::OnceKeyWorks => (Verdict::Yes, "it gets its whole deadline again".to_owned()),
        }
    }

    async fn once_the_key_works(&mut self, onboarding: &Onboarding, letter: &Letter) -> (Verdict, String) {
        let named = letter.key.as_deref().and_then(|key| key.parse::<KeyUrl>().ok());
        let Some(key) = named.or_else(|| onboarding.key_to_look_at().cloned()) else {
            return (Verdict::No, "no key was submitted for this onboarding".to_owned());
        };
        let question = (onboarding.id(), key.to_string());
        if let Some(known) = self.keys.get(&question) {
            return known.clone();
        }
        let answer = if self.check { self.try_now(onboarding, &key).await } else { as_known(onboarding) };
        self.keys.insert(question, answer.clone());
        answer
    }

    async fn try_now(&self, onboarding: &Onboarding, key: &KeyUrl) -> (Verdict, String) {
        if within_budget(self.app, onboarding.id()).await.is_err() {
            return (
                Verdict::Unknown,
                "the key was not checked: this onboarding was looked at very often".to_owned(),
            );
        }
        match try_now(self.app, onboarding, key).await {
            Ok(None) => (Verdict::Yes, "the key works".to_owned()),
            Ok(Some(finding)) => (
                Verdict::No,
                format!("the key does not work: {} ({})", finding.summary(), finding.code().name()),
            ),
            Err(StepError::Refuse { description, .. }) => (Verdict::No, description),
            Err(StepError::NotNow(why)) => (Verdict::No, why.to_string()),
            Err(StepError::Retry { source, .. } | StepError::LeaveToNewer { source }) => {
                (Verdict::Unknown, format!("the key could not be checked: {}", chain_of(source.as_ref())))
            }
        }
    }
}

/// The customer's vault is asked by the function itself, or by Azure's disk service on its behalf.
fn depends_on_the_key(system: System) -> bool {
    match system {
        System::KeyVault | System::ResourceManager => true,
        System::Entra | System::Marketplace => false,
    }
}

/// What the journal says, without asking anybody: what the customer has to act on stands in the way.
fn as_known(onboarding: &Onboarding) -> (Verdict, String) {
    let code_of = |finding: &onboarding::finding::Finding| finding.code();
    let stands_in_the_way =
        onboarding.blockers().iter().map(|(_, blocker)| &blocker.finding).find(|finding| {
            code_of(finding).owner() == Owner::Customer
                && code_of(finding) != onboarding::finding::Code::KeyNotShared
        });
    match stands_in_the_way {
        Some(finding) => (Verdict::No, format!("{} ({})", finding.summary(), finding.code().name())),
        None => (Verdict::Unknown, "whether the key works now was not checked".to_owned()),
    }
}
