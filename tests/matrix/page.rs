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
        let is_found_later = app.trouble.fault.kills_messages();
        if view.blockers.is_empty() && !at_rest && left == 0 && !is_found_later {
            self.problems.insert(format!("{}: nothing moves, and it is nobody's turn", view.state));
        }
        self.said.insert((view.state.clone(), None));
        let mut blockers = view.blockers;
        // That is so then, and it is the vendor's turn.
        blockers.retain(|blocker| app.trouble.fault != Fault::Outage || blocker.code != "step-refused");
        self.said.extend(blockers.into_iter().map(|blocker| (view.state.clone(), Some(blocker.code))));
    }
}

async fn view(app: &Playing, page: &OnboardingPage) -> Result<OnboardingView, String> {
    let answer = app.look(asks_for_json(page.url())).await;
    serde_json::from_slice(answer.body())
        .map_err(|error| format!("the page answers {}: {error}", answer.status()))
}
