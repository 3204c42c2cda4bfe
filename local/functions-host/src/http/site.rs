//! What answers clients: the functions and their routes.

use std::sync::Arc;

use http::Request;
use tokio_util::task::TaskTracker;

use super::route::{RouteTemplate, RouteTemplateError, RouteValues};
use super::target::segments;
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

/// The routes of all HTTP functions that are not disabled. They are tried in the order of the functions' names, whatever
/// they say: none is more specific than another.
///
/// # Errors
///
/// One template that is malformed stops the whole app.
pub(crate) fn routes(
    functions: &[Arc<LoadedFunction>],
    prefix: &str,
) -> Result<Vec<Route>, RouteTemplateError> {
    let route = |function: &Arc<LoadedFunction>| {
        let Trigger::Http(trigger) = &function.function.trigger else { return None };
        let template = RouteTemplate::parse(prefix, &trigger.route);
        Some(template.map(|template| Route {
            template,
            function: function.clone(),
            trigger: trigger.clone(),
        }))
    };
    let mut routes: Vec<Route> = functions.iter().filter_map(route).collect::<Result<_, _>>()?;
    routes.retain(|route| !route.function.function.disabled);
    Ok(routes)
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
        let is_one = |methods: &Vec<String>| methods.iter().any(|method| method == request.method().as_str());
        if !self.trigger.methods.as_ref().is_none_or(is_one) {
            return None;
        }
        self.template.matches(&segments(request.uri().path()))
    }
}
