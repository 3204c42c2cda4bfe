//! What the customer decides about another key: it is put in use, which is asked twice, or taken back.

use axum::{
    body::{Body, Bytes},
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use azure_ids::KeyUrl;
use onboarding::{Fact, Onboarding, replacement::Asker};
use serde::Deserialize;
use serde_json::json;

use super::in_force;
use crate::{
    App,
    budgets::{self, KEYS, KEYS_OF_TENANT},
    pages::{
        LinkQuery, Problem, address_of, body, linked, page, private_json, replacement, see_other,
        signing::Link, wants_json,
    },
    step::record::{Recorded, record},
    systems::replacements,
};

/// What is asked, as JSON or as a form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Asked {
    /// The key, so that nobody confirms one that they did not see.
    key_url: String,
    /// Whether the question was answered.
    #[serde(default)]
    confirmed: bool,
}

/// What becomes of a key that is to be put in use.
enum Answer {
    /// The question is asked; nothing is done.
    Question(Link, Box<Onboarding>, KeyUrl),
    /// It is under way.
    UnderWay(Link, KeyUrl),
}

/// `POST …/replace-key`
pub(super) async fn replace(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match asked_to_replace(&app, &id, &query, body).await {
        Ok(Answer::Question(link, onboarding, key)) => ask_back(&app, &headers, &link, &onboarding, &key),
        Ok(Answer::UnderWay(link, key)) if wants_json(&headers) => {
            private_json(StatusCode::ACCEPTED, &json!({"onboarding": link.onboarding, "keyUrl": key}))
        }
        Ok(Answer::UnderWay(link, _)) => see_other(&address_of(&app, &link)),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn asked_to_replace(app: &App, id: &str, query: &LinkQuery, body: Body) -> Result<Answer, Problem> {
    let (link, onboarding) = in_force(app, id, query).await?;
    let (key, confirmed) = read(&body::read(body, body::FORM).await?)?;
    onboarding.may_replace(&key).map_err(|why| Problem::new(StatusCode::CONFLICT, why.as_str()))?;
    let candidate = onboarding.candidate().filter(|candidate| candidate.key.is_same_key(&key));
    if candidate.is_none_or(|candidate| candidate.proof.is_none()) {
        return Err(not_the_candidate());
    }
    if !confirmed {
        return Ok(Answer::Question(link, Box::new(onboarding), key));
    }
    within_budget(app, &onboarding).await?;
    let sent = replacements::ask(app, &onboarding, &key, Asker::Customer).await;
    sent.map_err(|error| Problem::unavailable("asking for a key to be replaced", &error))?;
    Ok(Answer::UnderWay(link, key))
}

fn ask_back(app: &App, headers: &HeaderMap, link: &Link, onboarding: &Onboarding, key: &KeyUrl) -> Response {
    if wants_json(headers) {
        let from = onboarding.key().map(|used| used.version.without_version());
        let question =
            "Nothing is changed yet. Send the same with \"confirmed\": true to use this key from now on.";
        let answer = json!({"onboarding": link.onboarding, "from": from, "to": key, "message": question});
        return private_json(StatusCode::OK, &answer);
    }
    let replace = linked(app, link, &format!("/api/onboarding/{}/replace-key", link.onboarding));
    let question = replacement::question(onboarding, key, &replace, &address_of(app, link));
    page(StatusCode::OK, "Use this key from now on?", &question)
}

/// `POST …/withdraw-key`
pub(super) async fn withdraw(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<LinkQuery>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match withdrawn(&app, &id, &query, body).await {
        Ok(link) if wants_json(&headers) => {
            private_json(StatusCode::OK, &json!({"onboarding": link.onboarding}))
        }
        Ok(link) => see_other(&address_of(&app, &link)),
        Err(problem) => problem.respond_to(&headers),
    }
}

async fn withdrawn(app: &App, id: &str, query: &LinkQuery, body: Body) -> Result<Link, Problem> {
    let (link, onboarding) = in_force(app, id, query).await?;
    let (key, _) = read(&body::read(body, body::FORM).await?)?;
    onboarding.may_have_candidate().map_err(|why| Problem::new(StatusCode::CONFLICT, why.as_str()))?;
    within_budget(app, &onboarding).await?;
    let Some(in_use) = onboarding.key() else { return Err(not_the_candidate()) };
    // Whatever was submitted before and is still on its way is overtaken by the key in use.
    let submitted = app.submissions.submit(link.onboarding, &in_use.version.without_version()).await;
    submitted.map_err(|error| Problem::unavailable("numbering a submission", &error))?;
    match record(app, "onboarding_page", link.onboarding, &Fact::CandidateWithdrawn { key }).await {
        Ok(Recorded::Done(_)) => Ok(link),
        Ok(Recorded::NoNews(known)) if known.candidate().is_none() => Ok(link),
        Ok(Recorded::NoNews(_) | Recorded::Unknown) => Err(not_the_candidate()),
        Err(error) => Err(Problem::unavailable("recording that a key was taken back", error.as_ref())),
    }
}

/// What is said of a key counts as a key that is submitted.
async fn within_budget(app: &App, onboarding: &Onboarding) -> Result<(), Problem> {
    let taken = budgets::take(app, (&KEYS, onboarding.id()), (&KEYS_OF_TENANT, onboarding.tenant())).await;
    match taken.map_err(|error| Problem::unavailable("taking a key from its budget", &error))? {
        None => Ok(()),
        Some(wait) => Err(Problem::too_often("Many keys were submitted.", wait)),
    }
}

fn not_the_candidate() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "This key is not the one that the onboarding's page shows, or it was not found to work. Open the page again.",
    )
}

fn read(body: &Bytes) -> Result<(KeyUrl, bool), Problem> {
    let bad = |text: String| Problem::new(StatusCode::BAD_REQUEST, format!("keyUrl is expected: {text}"));
    let asked: Asked = if body.starts_with(b"{") {
        serde_json::from_slice(body).map_err(|error| bad(error.to_string()))?
    } else {
        let value = |wanted: &str| {
            url::form_urlencoded::parse(body)
                .find_map(|(name, value)| (name == wanted).then(|| value.into_owned()))
        };
        let key_url = value("keyUrl").ok_or_else(|| bad("the form has none".to_owned()))?;
        Asked { key_url, confirmed: value("confirmed").as_deref() == Some("true") }
    };
    let key = asked.key_url.trim().parse::<KeyUrl>().map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("This is not the URL of a key: {error}."))
    })?;
    Ok((key.without_version(), asked.confirmed))
}
