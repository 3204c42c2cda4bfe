//! The answer to whoever asked to look again: what will be done, also when that is nothing.

use axum::{http::StatusCode, response::Response};
use maud::html;
use onboarding::{Asked, OnboardingId};
use serde_json::json;

use super::{address_of, page, private_json};
use crate::App;

/// For programs, as JSON.
pub(crate) fn json(onboarding: OnboardingId, asked: Asked) -> Response {
    let answer = json!({"onboarding": onboarding, "answer": asked, "message": sentence(asked)});
    private_json(status(asked), &answer)
}

/// For people; the browser goes back to the onboarding's page by itself.
pub(crate) fn html(app: &App, onboarding: OnboardingId, asked: Asked) -> Response {
    let address = address_of(app, onboarding);
    let content = html! {
        meta http-equiv="refresh" content=(format!("5;url={address}"));
        p { (sentence(asked)) }
        p { a href=(address) { "Back to the onboarding" } }
    };
    page(status(asked), "Check again", &content)
}

/// 202 only when something will be done.
fn status(asked: Asked) -> StatusCode {
    match asked {
        Asked::LooksAgain | Asked::LooksAtKey => StatusCode::ACCEPTED,
        Asked::UnderWay | Asked::VendorsTurn | Asked::NothingToDo | Asked::Ended => StatusCode::OK,
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
