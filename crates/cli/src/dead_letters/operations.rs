//! What the function app knows about onboardings: its operations API.

use std::collections::{BTreeMap, BTreeSet};

use dead_letters::{Letter, LetterId, Planned, Replayable};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::function_app::{App, FunctionApp};

/// How many letters one request asks about; the app takes a thousand.
const QUESTIONS_A_REQUEST: usize = 500;

/// An onboarding as the app's list has it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Onboarding {
    onboarding: String,
    pub(super) state: Json,
    tenant: Option<String>,
    pub(super) blocker: Option<Json>,
}

/// What the app is asked about a letter. Letters with the same question have the same answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Question {
    function: String,
    reason: String,
    onboarding: Option<String>,
    key: Option<String>,
}

impl Question {
    pub(super) fn of(letter: &Letter) -> Self {
        let key = letter.event.as_ref().and_then(|event| event.data["key"].as_str());
        Self {
            function: letter.id.entity.clone(),
            reason: letter.reason().to_owned(),
            onboarding: letter.onboarding().map(str::to_owned),
            key: key.map(str::to_owned),
        }
    }

    fn of_planned(planned: &Planned) -> Self {
        Self {
            function: planned.id.entity.clone(),
            reason: planned.reason.clone(),
            onboarding: planned.onboarding.clone(),
            key: planned.key.clone(),
        }
    }
}

/// The app's answer to a question.
#[derive(Debug, Deserialize)]
struct Assessment {
    replay: Verdict,
    why: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Yes,
    No,
    Unknown,
}

impl From<Assessment> for Replayable {
    fn from(Assessment { replay, why }: Assessment) -> Self {
        match replay {
            Verdict::Yes => Self::Yes,
            Verdict::No => Self::No(why),
            Verdict::Unknown => Self::Unknown(why),
        }
    }
}

/// The app, and what it told.
pub(super) struct Operations {
    access: Result<FunctionApp, String>,
    onboardings: Result<BTreeMap<String, Onboarding>, String>,
    answers: BTreeMap<Question, Replayable>,
}

impl Operations {
    /// Asks for the onboardings once. An app that cannot be asked is no error: what depends on it is then not known,
    /// and says so.
    pub(super) async fn ask(app: &App) -> Self {
        let access = FunctionApp::of(app);
        let onboardings = match &access {
            Err(why) => Err(why.clone()),
            Ok(app) => list(app).await,
        };
        Self { access, onboardings, answers: BTreeMap::new() }
    }

    /// The onboarding, `None` when there is no such one, or why it cannot be known.
    pub(super) fn onboarding(&self, id: &str) -> Result<Option<&Onboarding>, &str> {
        self.onboardings.as_ref().map(|all| all.get(&id.to_ascii_lowercase())).map_err(String::as_str)
    }

    pub(super) fn tenant_of(&self, onboarding: &str) -> Option<String> {
        self.onboarding(onboarding).ok().flatten()?.tenant.clone()
    }

    /// Why there is no app to ask, when none is named.
    pub(super) fn nobody_to_ask(&self) -> Option<&str> {
        self.access.as_ref().err().map(String::as_str)
    }

    /// Why the app could not be asked.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.onboardings.as_ref().err().map(String::as_str)
    }

    /// Asks the app whether replays can help. With `check` it tries the keys on which letters depend, which asks the
    /// customers' vaults.
    pub(super) async fn assess(&mut self, questions: BTreeSet<Question>, check: bool) {
        let questions: Vec<Question> = questions.into_iter().collect();
        for some in questions.chunks(QUESTIONS_A_REQUEST) {
            let answers = match &self.access {
                Err(why) => Err(why.clone()),
                Ok(app) => assess(app, some, check).await,
            };
            match answers {
                Ok(answers) => self.answers.extend(some.iter().cloned().zip(answers)),
                Err(why) => {
                    let unknown =
                        some.iter().map(|question| (question.clone(), Replayable::Unknown(why.clone())));
                    self.answers.extend(unknown);
                }
            }
        }
    }

    /// Whether a letter can be replayed, by what the app said.
    pub(super) fn replayable(&self, letter: &Letter) -> Replayable {
        let not_asked = || Replayable::Unknown("the function app was not asked".to_owned());
        self.answers.get(&Question::of(letter)).cloned().unwrap_or_else(not_asked)
    }

    /// Asks the app about everything that is to be replayed, and has every key on which it depends tried. Answers why
    /// which are to stay. Where no app is named there is nobody to ask, and nothing stays: a message that cannot
    /// succeed is dead-lettered again.
    pub(super) async fn not_ready<'a>(
        &mut self,
        messages: impl Iterator<Item = &'a Planned> + Clone,
    ) -> BTreeMap<LetterId, String> {
        if self.access.is_err() {
            return BTreeMap::new();
        }
        self.assess(messages.clone().map(Question::of_planned).collect(), true).await;
        let why_not = |planned: &Planned| match self.answers.get(&Question::of_planned(planned)) {
            Some(Replayable::Yes) => None,
            Some(Replayable::No(why) | Replayable::Unknown(why)) => Some((planned.id.clone(), why.clone())),
            None => Some((planned.id.clone(), "the function app was not asked".to_owned())),
        };
        messages.filter_map(why_not).collect()
    }
}

/// The onboardings, by their ids.
async fn list(app: &FunctionApp) -> Result<BTreeMap<String, Onboarding>, String> {
    let mut answer = app.ask(Method::GET, "/api/operations/onboardings", None).await?;
    let list: Vec<Onboarding> = serde_json::from_value(answer["onboardings"].take())
        .map_err(|_| format!("the answer of {} is not a list of onboardings", app.base()))?;
    Ok(list.into_iter().map(|found| (found.onboarding.to_ascii_lowercase(), found)).collect())
}

/// The answers, in the order of the questions.
async fn assess(app: &FunctionApp, questions: &[Question], check: bool) -> Result<Vec<Replayable>, String> {
    let body = json!({"letters": questions, "check": check});
    let path = "/api/operations/dead-letters/assess";
    let mut answer = app.ask(Method::POST, path, Some(&body)).await?;
    let answers: Vec<Assessment> = serde_json::from_value(answer["letters"].take())
        .map_err(|_| format!("the answer of {} cannot be read", app.base()))?;
    if answers.len() != questions.len() {
        return Err(format!("the answer of {} is not complete", app.base()));
    }
    Ok(answers.into_iter().map(Replayable::from).collect())
}
