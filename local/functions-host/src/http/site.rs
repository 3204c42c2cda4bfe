//! What answers clients: the functions and their routes.

use std::sync::Arc;

use http::Request;
use tokio_util::task::TaskTracker;

use super::route::{RouteTemplate, RouteValues};
use super::throttle::Throttle;
use crate::configuration::custom_handler::Forwarding;
use crate::configuration::function_json::{HttpTrigger, Trigger};
use crate::host_status::HostStatus;
use crate::invocation::Executor;
use crate::invocation::executor::LoadedFunction;
use crate::manual::ManualRuns;

/// Everything that answering a client needs.
pub(crate) struct Site {
    pub(crate) executor: Arc<Executor>,
    pub(crate) functions: Vec<Arc<LoadedFunction>>,
    pub(crate) route_prefix: String,
    pub(crate) forwarding: Forwarding,
    /// Largest body of a client's request, in bytes.
    pub(crate) body_limit: usize,
    pub(crate) in_flight: TaskTracker,
    pub(crate) manual: ManualRuns,
    pub(crate) status: HostStatus,
    pub(crate) routes: Vec<Route>,
    pub(crate) throttle: Throttle,
}

/// One function's place among the URLs.
pub(crate) struct Route {
    pub(crate) template: RouteTemplate,
    pub(crate) function: Arc<LoadedFunction>,
    pub(super) trigger: HttpTrigger,
}

/// The routes of all HTTP functions that are not disabled, the most specific first.
pub(crate) fn routes(functions: &[Arc<LoadedFunction>], prefix: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = functions
        .iter()
        .filter(|function| !function.function.disabled)
        .filter_map(|function| match &function.function.trigger {
            Trigger::Http(trigger) => Some(Route {
                template: trigger.route.under(prefix),
                function: function.clone(),
                trigger: trigger.clone(),
            }),
            Trigger::ServiceBus(_) | Trigger::Timer(_) | Trigger::EventGrid(_) => None,
        })
        .collect();
    routes.sort_by(|left, right| left.template.precedence(&right.template));
    routes
}

impl Site {
    pub(super) fn forwarding_of(&self, index: usize) -> Forwarding {
        if self.routes[index].function.function.is_http_in_and_out() {
            self.forwarding
        } else {
            Forwarding::Off
        }
    }
}

impl Route {
    pub(super) fn accepts<B>(&self, request: &Request<B>) -> Option<RouteValues> {
        let methods = &self.trigger.methods;
        if !methods.is_empty() && !methods.iter().any(|method| method == request.method().as_str()) {
            return None;
        }
        self.template.matches(request.uri().path())
    }
}
