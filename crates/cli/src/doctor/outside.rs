//! What can only be seen from outside: the addresses that customers and the marketplace use, and which versions answer.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Client, Method, StatusCode, redirect::Policy};

use super::{Check, DEPLOYER, Health};
use crate::function_app::FunctionApp;

/// How long an address may take.
const TIME_LIMIT: Duration = Duration::from_secs(20);

/// How often the function app is asked which version it is: each time on a new connection, so that another instance may
/// answer.
const TIMES: usize = 5;

pub(super) async fn checks(app: &FunctionApp, health: &Health) -> Vec<Check> {
    let landing = answers("landing-page", Method::GET, health, "/api/signup", StatusCode::BAD_REQUEST).await;
    let webhook =
        answers("webhook", Method::POST, health, "/api/marketplace/webhook", StatusCode::UNAUTHORIZED).await;
    vec![landing, webhook, versions(app, health).await]
}

/// Whether an address is the app's: without a token it answers in a way of its own.
async fn answers(check: &str, method: Method, health: &Health, path: &str, expected: StatusCode) -> Check {
    let url = format!("{}{path}", health.public_url.trim_end_matches('/'));
    let client = match Client::builder().timeout(TIME_LIMIT).redirect(Policy::none()).build() {
        Ok(client) => client,
        Err(error) => return Check::not_checked(check, format!("HTTPS is not available: {error}")),
    };
    let mend = "Set LATCHKEY_PUBLIC_URL to an address at which the Internet reaches the function app, with a \
                certificate that browsers trust.";
    match client.request(method, &url).header("accept", "application/json").send().await {
        Ok(answer) if answer.status() == expected => Check::good(check, format!("{url} is the function app")),
        Ok(answer) => {
            let saw = format!("{url} answered {}, and the function app answers {expected}", answer.status());
            Check::wrong(check, saw, DEPLOYER, mend)
        }
        Err(error) => {
            let saw = format!("{url} cannot be reached from here: {}", error.without_url());
            Check::wrong(check, saw, DEPLOYER, mend)
        }
    }
}

/// Two versions side by side are right while one replaces the other, and wrong for longer.
async fn versions(app: &FunctionApp, health: &Health) -> Check {
    let mut versions = BTreeSet::from([health.version.clone()]);
    for _ in 1..TIMES {
        let Ok(fresh) = app.on_a_new_connection() else { continue };
        if let Ok(answer) = fresh.ask_whatever_status(Method::GET, "/api/operations/health").await
            && let Ok(other) = serde_json::from_slice::<Health>(&answer)
        {
            versions.insert(other.version);
        }
    }
    let all: Vec<String> = versions.into_iter().collect();
    match all.as_slice() {
        [one] => Check::good("versions", format!("{TIMES} requests were all answered by version {one}")),
        several => Check::wrong(
            "versions",
            format!("these versions answer side by side: {}", several.join(", ")),
            DEPLOYER,
            "Wait until the deployment is over, then try again. Deploy again if both still answer.",
        ),
    }
}
