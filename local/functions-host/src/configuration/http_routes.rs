//! `customHandler.http.routes`: HTTP functions without a function.json, and the profile that makes use of them.
//!
//! azure-functions-host, `HttpWorkerFunctionProvider.cs`, `HttpWorkerRoute.cs`, `HostConfigurationProfile` and its tests.

use super::function_json::{self, Function, FunctionError, FunctionProblem};
use super::properties::Properties;
use crate::json::Json;
use crate::settings::Settings;

const ROUTES: &str = "customHandler:http:routes";
const METHODS: [&str; 7] = ["get", "post", "put", "delete", "patch", "head", "options"];

/// One entry of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpRoute {
    route: String,
    authorization_level: String,
}

/// Why host.json names a profile that cannot be used. The words are not known: the real host throws
/// `NotSupportedException`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "host.json: the configurationProfile '{0}' is not supported; there are 'default' and 'mcp-custom-handler'"
)]
pub struct UnknownProfile(String);

/// Lays what `configurationProfile` stands for under host.json: what the file says itself stays.
///
/// Returns whether the profile makes the worker runtime `custom`, whatever `FUNCTIONS_WORKER_RUNTIME` says
/// (azure-functions-host, `ScriptHostWorkerRuntimeResolver`).
pub(super) fn apply_profile(properties: &mut Properties) -> Result<bool, UnknownProfile> {
    let name = properties.text("configurationProfile").unwrap_or_default().to_owned();
    match name.to_ascii_lowercase().as_str() {
        "" | "default" => Ok(false),
        "mcp-custom-handler" => {
            // Our guess: that the file wins where both say something; the tests of the host show the values alone.
            properties.set_if_absent("customHandler:enableProxyingHttpRequest", "true");
            properties.set_if_absent("extensions:http:routePrefix", "");
            if !properties.has_section(ROUTES) {
                properties.set(&format!("{ROUTES}:0:route"), "{*route}");
            }
            Ok(true)
        }
        _ => Err(UnknownProfile(name)),
    }
}

/// The entries in the order of their numbers.
pub(super) fn read(properties: &Properties) -> Vec<HttpRoute> {
    let default = properties.text("customHandler:http:defaultAuthorizationLevel").unwrap_or("function");
    let route = |index: u32| {
        let text = |name: &str| properties.text(&format!("{ROUTES}:{index}:{name}"));
        HttpRoute {
            route: text("route").unwrap_or_default().to_owned(),
            authorization_level: text("authorizationLevel").unwrap_or(default).to_owned(),
        }
    };
    properties.numbers_under(ROUTES).into_iter().map(route).collect()
}

/// Entry i becomes the function `http-handler{i}`, counted from 1.
pub(crate) fn functions(routes: &[HttpRoute], settings: &Settings) -> (Vec<Function>, Vec<FunctionError>) {
    let (mut functions, mut errors) = (Vec::new(), Vec::new());
    for (index, route) in routes.iter().enumerate() {
        let name = format!("http-handler{}", index + 1);
        match function(&name, route, settings) {
            Ok(function) => functions.push(function),
            Err(reason) => errors.push(FunctionError { function: name, reason }),
        }
    }
    (functions, errors)
}

fn function(name: &str, route: &HttpRoute, settings: &Settings) -> Result<Function, FunctionProblem> {
    if let Some(reason) = refusal(&route.route) {
        return Err(FunctionProblem::HttpRoute(reason));
    }
    let text = |value: &str| Json::from(value);
    let trigger = Json::object([
        ("type", text("httpTrigger")),
        ("authLevel", text(&route.authorization_level)),
        ("direction", text("in")),
        ("name", text("req")),
        ("methods", Json::Array(METHODS.map(Json::from).into())),
        ("route", text(&route.route)),
    ]);
    let output = Json::object([("type", text("http")), ("direction", text("out")), ("name", text("res"))]);
    let json = Json::object([("bindings", Json::Array(vec![trigger, output]))]);
    function_json::from_json(name, json, settings)
}

/// The host's own words.
fn refusal(route: &str) -> Option<&'static str> {
    if route.contains(' ') {
        return Some("Route template cannot contain spaces.");
    }
    if route.contains("//") {
        return Some("Route template cannot contain consecutive '/'.");
    }
    if route.contains("{}") {
        return Some("Route template contains an empty parameter '{}'.");
    }
    let mut depth = 0_i64;
    for character in route.chars() {
        depth += match character {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth < 0 {
            return Some("Route template contains unmatched closing brace '}'.");
        }
    }
    (depth != 0).then_some("Route template contains unmatched '{'.")
}

#[cfg(test)]
mod tests {
    use super::super::function_json::Trigger;
    use super::*;

    fn properties(json: &str) -> Properties {
        Properties::of(&Json::parse(json).unwrap())
    }

    #[test]
    fn every_route_becomes_a_function_that_can_be_proxied() {
        let routes = read(&properties(
            r#"{"customHandler":{"http":{"defaultAuthorizationLevel":"anonymous",
                "routes":[{"route":"mcp/{*rest}"},{"route":"x","authorizationLevel":"admin"}]}}}"#,
        ));
        let (functions, errors) = functions(&routes, &Settings::only(&[]));
        assert!(errors.is_empty());
        let names: Vec<_> = functions.iter().map(|function| function.name.as_str()).collect();
        assert_eq!(names, ["http-handler1", "http-handler2"]);
        let level = |index: usize| {
            let Some(Json::Array(bindings)) = functions[index].configuration.member("bindings") else {
                panic!()
            };
            bindings[0].member("authLevel").cloned()
        };
        assert_eq!((level(0), level(1)), (Some(Json::from("anonymous")), Some(Json::from("admin"))));
        assert!(functions.iter().all(Function::is_http_in_and_out));
        let Trigger::Http(trigger) = &functions[0].trigger else { panic!("HTTP") };
        assert_eq!(
            (trigger.methods.as_ref().unwrap().len(), trigger.route.clone()),
            (7, "mcp/{*rest}".to_owned())
        );
    }

    #[test]
    fn routes_that_the_real_host_refuses_are_left_out_in_its_words() {
        let check = |route: &str, expected: &str| {
            let route = HttpRoute { route: route.to_owned(), authorization_level: "function".to_owned() };
            let (functions, errors) = functions(&[route], &Settings::only(&[]));
            assert!(functions.is_empty());
            assert!(errors[0].to_string().contains(expected), "{}", errors[0]);
        };
        check("a b", "cannot contain spaces");
        check("a//b", "consecutive '/'");
        check("a/{}", "empty parameter '{}'");
        check("a/{b", "unmatched '{'");
        check("a/b}", "unmatched closing brace '}'");
    }

    #[test]
    fn the_profile_sets_three_things_and_leaves_what_the_file_says() {
        let mut found = properties(r#"{"configurationProfile":"MCP-custom-handler"}"#);
        assert_eq!(apply_profile(&mut found), Ok(true));
        assert_eq!(found.boolean("customHandler:enableProxyingHttpRequest").unwrap(), Some(true));
        assert_eq!(found.text("extensions:http:routePrefix"), Some(""));
        assert_eq!(read(&found)[0].route, "{*route}");

        let mut own = properties(
            r#"{"configurationProfile":"mcp-custom-handler","customHandler":{"http":{"routes":[{"route":"mcp"}]}}}"#,
        );
        apply_profile(&mut own).unwrap();
        assert_eq!(read(&own).len(), 1);
        assert_eq!(read(&own)[0].route, "mcp");

        for name in ["", "default", "Default"] {
            let mut plain = properties(&format!(r#"{{"configurationProfile":"{name}"}}"#));
            assert_eq!(apply_profile(&mut plain), Ok(false));
            assert!(!plain.has_section("customHandler"));
        }
        let mut unknown = properties(r#"{"configurationProfile":"fast"}"#);
        assert!(apply_profile(&mut unknown).unwrap_err().to_string().contains("'fast' is not supported"));
    }
}
