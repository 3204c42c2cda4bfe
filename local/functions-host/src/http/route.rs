//! Route templates as ASP.NET Core understands them: `products/{category:alpha}/{id:int?}`, `files/{*rest}`.
//!
//! The real host hands each function's route to ASP.NET Core routing (azure-functions-host,
//! `WebScriptHostHttpRoutesManager.cs`; Microsoft Learn, "Routing in ASP.NET Core"). Of its template language this
//! covers literal segments, parameters, optional ones, defaults, catch-alls, text and parameters mixed in a segment
//! (`{name}.json`) and all constraints. A template that is malformed stops the app, there as here.

use std::fmt;

use super::route_constraint::allowed;
use super::route_segment::{Absent, Parameter, Segment, match_mixed};

/// A parsed route template.
#[derive(Debug, Clone)]
pub(crate) struct RouteTemplate {
    text: String,
    segments: Vec<Segment>,
}

/// A route behind the prefix of all routes.
pub(crate) fn under(prefix: &str, route: &str) -> String {
    [prefix, route].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

/// Names and values of a matched route; `None` is an optional parameter that was not given.
pub(crate) type RouteValues = Vec<(String, Option<String>)>;

/// A template that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The route template '{template}' is invalid: {reason}")]
pub struct RouteTemplateError {
    template: String,
    reason: &'static str,
}

impl RouteTemplate {
    /// The template of a function: its route behind the prefix of all routes, which may be a template too.
    pub(crate) fn parse(prefix: &str, route: &str) -> Result<Self, RouteTemplateError> {
        let text = under(prefix, route);
        let fail = |reason| RouteTemplateError { template: text.clone(), reason };
        // One slash at each end is passed over.
        let trimmed = text.strip_prefix('/').unwrap_or(&text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        let mut segments: Vec<Segment> = Vec::new();
        for written in trimmed.split('/').filter(|_| !trimmed.is_empty()) {
            if matches!(segments.last(), Some(Segment::CatchAll { .. })) {
                return Err(fail(
                    "a catch-all parameter can only appear as the last segment of the route template",
                ));
            }
            segments.push(Segment::parse(written).map_err(fail)?);
        }
        let mut names: Vec<String> =
            segments.iter().flat_map(Segment::names).map(str::to_ascii_lowercase).collect();
        names.sort();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(fail("a route parameter name appears more than one time in the route template"));
        }
        Ok(Self { text: trimmed.to_owned(), segments })
    }

    /// Matches the segments of a path; literals are compared without regard to case.
    pub(crate) fn matches(&self, path: &[String]) -> Option<RouteValues> {
        // A slash at the end counts for nothing; nowhere else can a segment be empty.
        let mut parts = match path {
            [before @ .., last] if last.is_empty() => before,
            all => all,
        };
        if parts.iter().any(String::is_empty) {
            return None;
        }
        let mut values = RouteValues::new();
        for segment in &self.segments {
            if let Segment::CatchAll(Parameter { name, constraints, absent }) = segment {
                let rest = parts.join("/");
                let value = match (rest.is_empty(), absent) {
                    (true, Absent::Default(value)) => Some(value.clone()),
                    (true, _) => None,
                    (false, _) => Some(rest),
                };
                let meets = value.as_ref().is_none_or(|value| allowed(constraints, value));
                values.push((name.clone(), value));
                return meets.then_some(values);
            }
            let Some((part, rest)) = parts.split_first() else {
                values.push(absent_value(segment)?);
                continue;
            };
            values.extend(values_of(segment, part)?);
            parts = rest;
        }
        parts.is_empty().then_some(values)
    }
}

impl fmt::Display for RouteTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The values of a segment that the path has; `None` where it does not match.
fn values_of(segment: &Segment, part: &str) -> Option<RouteValues> {
    match segment {
        Segment::Literal(literal) => part.eq_ignore_ascii_case(literal).then(Vec::new),
        Segment::Mixed(parts) => match_mixed(parts, part),
        Segment::Parameter(Parameter { name, constraints, .. })
        | Segment::CatchAll(Parameter { name, constraints, .. }) => {
            let matches = !part.is_empty() && allowed(constraints, part);
            matches.then(|| vec![(name.clone(), Some(part.to_owned()))])
        }
    }
}

/// The value of a segment that the path does not have.
fn absent_value(segment: &Segment) -> Option<(String, Option<String>)> {
    let Segment::Parameter(Parameter { name, absent, .. }) = segment else { return None };
    match absent {
        Absent::Optional => Some((name.clone(), None)),
        Absent::Default(value) => Some((name.clone(), Some(value.clone()))),
        Absent::Required => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::target::segments;
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<(String, Option<String>)>> {
        RouteTemplate::parse("api", template).unwrap().matches(&segments(path))
    }

    #[test]
    fn templates_match_paths_as_asp_net_does() {
        let check = |template: &str, path: &str, expected: Option<&[(&str, Option<&str>)]>| {
            let expected = expected.map(|pairs| {
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)))
                    .collect::<Vec<_>>()
            });
            assert_eq!(values(template, path), expected, "{template} {path}");
        };
        check("hello", "/api/hello", Some(&[]));
        check("Hello", "/API/hellO/", Some(&[]));
        check("hello", "/api/hello/more", None);
        check("hello", "/hello", None);
        check("hello", "/api", None);
        check("orders/{id}", "/api/orders/a%20b", Some(&[("id", Some("a b"))]));
        check("orders/{id}", "/api/orders", None);
        check("orders/{id?}", "/api/orders", Some(&[("id", None)]));
        check("orders/{id=7}", "/api/orders", Some(&[("id", Some("7"))]));
        check(
            "{category:alpha}/{id:int?}",
            "/api/books/12",
            Some(&[("category", Some("books")), ("id", Some("12"))]),
        );
        check("{category:alpha}/{id:int?}", "/api/books/x", None);
        check("{category:alpha}/{id:int?}", "/api/b00ks", None);
        check("files/{*rest}", "/api/files/a/b%2Fc", Some(&[("rest", Some("a/b%2Fc"))]));
        check("files/{*rest}", "/api/files//x", None);
        check("{name}.{extension?}", "/api/a", Some(&[("name", Some("a")), ("extension", None)]));
        check("x/{id:regex(^\\d{{2}}$)}", "/api/x/12", Some(&[("id", Some("12"))]));
        check("x/{id:regex(^\\d{{2}}$)}", "/api/x/123", None);
        check("files/{*rest}", "/api/files", Some(&[("rest", None)]));
        check("{**rest}", "/api/a/b", Some(&[("rest", Some("a/b"))]));
        check("n/{x:min(3):max(5)}", "/api/n/6", None);
        check("n/{x:length(2,3)}", "/api/n/abc", Some(&[("x", Some("abc"))]));
        check(
            "{id:guid}",
            "/api/4e773554-f6b7-4ea2-b07d-4c5fd5aba741",
            Some(&[("id", Some("4e773554-f6b7-4ea2-b07d-4c5fd5aba741"))]),
        );
    }

    #[test]
    fn templates_that_cannot_be_understood_are_refused() {
        for template in [
            "a//b",
            "{}",
            "{a",
            "a}",
            "x{*a}",
            "{a}{b}",
            "x{a?}",
            "{*a}/b",
            "{a:nonsense}",
            "{a:regex(()}",
            "/lead",
            "q?x",
            "{a}/{A}",
            "{a:min(x)}",
            "{a:range(1)}",
            "{a?=1}",
        ] {
            assert!(RouteTemplate::parse("api", template).is_err(), "{template}");
        }
    }

    #[test]
    fn text_and_parameters_can_share_a_segment() {
        let check = |template: &str, path: &str, expected: Option<&[(&str, &str)]>| {
            let expected = expected.map(|pairs| {
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())))
                    .collect::<Vec<_>>()
            });
            assert_eq!(values(template, path), expected, "{template} {path}");
        };
        check("{name}.json", "/api/a.b.JSON", Some(&[("name", "a.b")]));
        check("{name}.json", "/api/.json", None);
        check("{name}.json", "/api/a.xml", None);
        check("{name}.{extension}", "/api/a.b.c", Some(&[("name", "a.b"), ("extension", "c")]));
        check("{name}.{extension}", "/api/a.", None);
        check("{name}.{extension}", "/api/a", None);
        check("v{major:int}-{minor:int}", "/api/v1-2", Some(&[("major", "1"), ("minor", "2")]));
        check("v{major:int}-{minor:int}", "/api/v1-x", None);
        check("v{major:int}", "/api/1", None);
    }

    #[test]
    fn constraints_are_those_of_asp_net() {
        let check = |constraint: &str, value: &str, expected: bool| {
            let matched = values(&format!("{{x:{constraint}}}"), &format!("/api/{value}")).is_some();
            assert_eq!(matched, expected, "{constraint} {value}");
        };
        check("int", "2147483647", true);
        check("int", "2147483648", false);
        check("long", "2147483648", true);
        check("bool", "TRUE", true);
        check("bool", "yes", false);
        check("decimal", "-1.5", true);
        check("double", "1e5", true);
        check("double", "NaN", true);
        check("decimal", "1e5", false);
        check("datetime", "2020-01-02", true);
        check("datetime", "x", false);
        check("file", "a.txt", true);
        check("nonfile", "a.txt", false);
        check("float", "x", false);
        check("range(1,10)", "10", true);
        check("range(1,10)", "11", false);
        check("minlength(2)", "a", false);
        check("maxlength(2)", "abc", false);
        check("required", "a", true);
    }
}
