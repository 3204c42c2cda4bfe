//! The answer to whoever asked to look again: what will be done, also when that is nothing.

use std::time::Duration;

use axum::{http::StatusCode, response::Response};
use maud::html;
use onboarding::{Asked, OnboardingId};
use serde_json::json;

use super::{address_of, page, private_json, retry_later, signing::Link, within};
use crate::{App, systems::checks::Answer};

/// For programs, as JSON.
pub(crate) fn json(onboarding: OnboardingId, answer: Answer) -> Response {
    let name = match answer {
        Answer::Asked(asked) => json!(asked),
        Answer::AskedBefore { .. } => json!("asked-before"),
        Answer::TooOften { .. } => json!("too-often"),
    };
    let told = json!({"onboarding": onboarding, "answer": name, "message": message(answer)});
    retry_later(private_json(status(answer), &told), wait(answer))
}

/// For people; the browser goes back to the onboarding's page by itself.
pub(crate) fn html(app: &App, link: &Link, answer: Answer) -> Response {
    let address = address_of(app, link);
    let content = html! {
        meta http-equiv="refresh" content=(format!("5;url={address}"));
        p { (message(answer)) }
        p { a href=(address) { "Back to the onboarding" } }
    };
    retry_later(page(status(answer), "Check again", &content), wait(answer))
}

/// 202 only when something will be done.
fn status(answer: Answer) -> StatusCode {
    match answer {
        Answer::Asked(Asked::LooksAgain | Asked::LooksAtKey) => StatusCode::ACCEPTED,
        Answer::Asked(Asked::UnderWay | Asked::VendorsTurn | Asked::NothingToDo | Asked::Ended) => {
            StatusCode::OK
        }
        Answer::AskedBefore { .. } | Answer::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
    }
}

fn wait(answer: Answer) -> Option<Duration> {
    match answer {
        Answer::Asked(_) => None,
        Answer::AskedBefore { wait } | Answer::TooOften { wait } => Some(wait),
    }
}

fn message(answer: Answer) -> String {
    match answer {
        Answer::Asked(asked) => sentence(asked).to_owned(),
        Answer::AskedBefore { wait } => format!(
            "Latchkey was asked to check a moment ago, so this does not start another check. Look at the onboarding's \
             page for the result, or ask again {}.",
            within(wait)
        ),
        Answer::TooOften { wait } => format!(
            "Your organization asked Latchkey to check very often. Ask again {}. Latchkey also checks by itself.",
            within(wait)
        ),
    }
}

fn sentence(asked: Asked) -> &'static str {
    match asked {
        Asked::LooksAgain => "Latchkey is now checking again everything that this onboarding is waiting for.",
        Asked::LooksAtKey => {
            "Latchkey is now checking your key, with a new token. The onboarding's page shows the result in a few seconds. \
             If something is wrong with the key, Latchkey checks a second time, about a minute later, before it says so."
        }
        Asked::UnderWay => {
            "There is nothing to check: the onboarding is in progress and is not waiting for anybody. If nothing happens \
             for some minutes, ask again. Latchkey also restarts it by itself."
        }
        Asked::VendorsTurn => {
            "There is nothing for you to do: a step failed, and the vendor has to look at it before it is tried again."
        }
        Asked::NothingToDo => "There is nothing to check: the onboarding is not waiting for anybody.",
        Asked::Ended => "There is nothing to check: the subscription has ended.",
    }
}
