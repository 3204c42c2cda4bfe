//! What the customer's page says while something goes wrong.

use std::collections::BTreeSet;

use local_world::cast::{OnboardingPage, OnboardingView};

use crate::{app::Playing, fault::Fault, host::asks_for_json};

/// Where nothing moves and nothing has to; one that leaves is held for a while.
const AT_REST: [&str; 4] = ["active", "suspended", "leaving", "ended"];

/// Watches the page of one onboarding.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    page: Option<OnboardingPage>,
    /// Every state with every blocker that the page named.
    pub(crate) said: BTreeSet<(String, Option<String>)>,
    pub(crate) problems: BTreeSet<String>,
}

impl Watch {
    pub(crate) fn page(&mut self, page: &OnboardingPage) {
        self.page = Some(page.clone());
    }

    /// The onboarding, if its page names this blocker.
    pub(crate) async fn names(&self, code: &str, app: &Playing) -> Option<String> {
        let page = self.page.as_ref()?;
        let view = view(app, page).await.ok()?;
        view.blockers.iter().any(|blocker| blocker.code == code).then(|| page.onboarding().to_owned())
    }

    /// Looks at the page. What is left in the queues says whether anything moves.
    pub(crate) async fn look(&mut self, app: &Playing, left: usize) {
        let Some(page) = self.page.clone() else { return };
        let view = match view(app, &page).await {
            Ok(view) => view,
            Err(problem) => {
                self.problems.insert(problem);
                return;
            }
        };
        let at_rest = AT_REST.contains(&view.state.as_str());
        // What died is found by the sweep, within a bound: the story waits for that.
        let is_found_later = app.trouble.fault().kills_messages();
        if view.blockers.is_empty() && !at_rest && left == 0 && !is_found_later {
            self.problems.insert(format!("{}: nothing moves, and it is nobody's turn", view.state));
        }
        let fault = app.trouble.fault();
        let state = match view.state.as_str() {
            // That is what it is then; who is named meanwhile is as if it were active.
            "unreachable" if fault == Fault::Outage => "active",
            state => state,
        };
        self.said.insert((state.to_owned(), None));
        let named = view.blockers.into_iter().filter(|blocker| !is_so(fault, &blocker.code));
        self.said.extend(named.map(|blocker| (state.to_owned(), Some(blocker.code))));
    }
}

/// Whether this is named because it is so under this fault.
fn is_so(fault: Fault, code: &str) -> bool {
    match fault {
        Fault::Outage => ["step-refused", "vault-unreachable"].contains(&code),
        Fault::Dies => code == "stands-still",
        _ => false,
    }
}

async fn view(app: &Playing, page: &OnboardingPage) -> Result<OnboardingView, String> {
    let answer = app.look(asks_for_json(page.url())).await;
    serde_json::from_slice(answer.body())
        .map_err(|error| format!("the page answers {}: {error}", answer.status()))
}
