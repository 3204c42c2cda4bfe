//! Route templates as ASP.NET Core understands them: `products/{category:alpha}/{id:int?}`, `files/{*rest}`.
//!
//! The real host hands each function's route to ASP.NET Core routing (azure-functions-host,
//! `WebScriptHostHttpRoutesManager.cs`; Microsoft Learn, "Routing in ASP.NET Core"). Of its template language this
//! covers literal segments, parameters, optional ones, defaults, catch-alls and the usual constraints; a segment
//! that mixes text with a parameter (`{name}.json`) and unknown constraints are refused at the start.

use std::cmp::Ordering;
use std::fmt;

use percent_encoding::percent_decode_str;

use super::route_constraint::{Constraint, allowed, constraint};

/// A parsed route template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RouteTemplate {
    text: String,
    segments: Vec<Segment>,
}

/// Names and values of a matched route; `None` is an optional parameter that was not given.
pub(crate) type RouteValues = Vec<(String, Option<String>)>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter { name: String, constraints: Vec<Constraint>, absent: Absent },
    CatchAll { name: String, constraints: Vec<Constraint> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Absent {
    Required,
    Optional,
    Default(String),
}

/// A template that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The route template '{template}' is invalid: {reason}")]
pub struct RouteTemplateError {
    template: String,
    reason: &'static str,
}

impl RouteTemplate {
    pub(crate) fn parse(template: &str) -> Result<Self, RouteTemplateError> {
        let fail = |reason| RouteTemplateError { template: template.to_owned(), reason };
        let trimmed = template.strip_prefix('/').unwrap_or(template).trim_end_matches('/');
        let mut segments = Vec::new();
        for text in trimmed.split('/').filter(|_| !trimmed.is_empty()) {
            if matches!(segments.last(), Some(Segment::CatchAll { .. })) {
                return Err(fail("a catch-all parameter can only appear as the last segment"));
            }
            segments.push(segment(text).map_err(fail)?);
        }
        Ok(Self { text: trimmed.to_owned(), segments })
    }

    /// This template behind a prefix such as `api`.
    pub(crate) fn under(&self, prefix: &str) -> Self {
        let prefix_segments =
            prefix.split('/').filter(|part| !part.is_empty()).map(|part| Segment::Literal(part.to_owned()));
        let text = [prefix, &self.text].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Self {
            text: text.join("/"),
            segments: prefix_segments.chain(self.segments.iter().cloned()).collect(),
        }
    }

    /// Matches a path as the client wrote it, percent-encoded; literals are compared without regard to case.
    pub(crate) fn matches(&self, path: &str) -> Option<RouteValues> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut parts: Vec<&str> = path.split('/').collect();
        if path.is_empty() {
            parts.clear();
        }
        let mut values = RouteValues::new();
        let mut parts = parts.as_slice();
        for segment in &self.segments {
            if let Segment::CatchAll { name, constraints } = segment {
                let rest = decode(&parts.join("/"));
                return (parts.is_empty() || allowed(constraints, &rest)).then(|| {
                    values.push((name.clone(), (!parts.is_empty()).then_some(rest)));
                    values
                });
            }
            match (segment, parts.split_first()) {
                (Segment::Literal(literal), Some((part, rest)))
                    if decode(part).eq_ignore_ascii_case(literal) =>
                {
                    parts = rest;
                }
                (Segment::Parameter { name, constraints, .. }, Some((part, rest))) if !part.is_empty() => {
                    let value = decode(part);
                    if !allowed(constraints, &value) {
                        return None;
                    }
                    values.push((name.clone(), Some(value)));
                    parts = rest;
                }
                (Segment::Parameter { name, absent: Absent::Optional, .. }, None) => {
                    values.push((name.clone(), None));
                }
                (Segment::Parameter { name, absent: Absent::Default(value), .. }, None) => {
                    values.push((name.clone(), Some(value.clone())));
                }
                _ => return None,
            }
        }
        parts.is_empty().then_some(values)
    }

    /// Which of two templates that match the same path is asked first: literals before constrained parameters
    /// before free ones before catch-alls, segment by segment.
    pub(crate) fn precedence(&self, other: &Self) -> Ordering {
        let ranks = |template: &Self| template.segments.iter().map(rank).collect::<Vec<_>>();
        ranks(self).cmp(&ranks(other))
    }
}

impl fmt::Display for RouteTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn rank(segment: &Segment) -> u8 {
    match segment {
        Segment::Literal(_) => 1,
        Segment::Parameter { constraints, .. } => 3 - u8::from(!constraints.is_empty()),
        Segment::CatchAll { constraints, .. } => 5 - u8::from(!constraints.is_empty()),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn segment(text: &str) -> Result<Segment, &'static str> {
    if text.is_empty() {
        return Err("the route template separator character '/' cannot appear consecutively");
    }
    if !text.contains(['{', '}']) {
        return Ok(Segment::Literal(text.to_owned()));
    }
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let Some(inner) = inner.filter(|inner| !inner.contains(['{', '}'])) else {
        return Err("a segment is either plain text or one parameter in braces");
    };
    let (inner, catch_all) = match inner.trim_start_matches('*') {
        trimmed if trimmed.len() == inner.len() => (inner, false),
        trimmed => (trimmed, true),
    };
    let (inner, default) = match inner.split_once('=') {
        Some((inner, default)) => (inner, Some(default.to_owned())),
        None => (inner, None),
    };
    let (inner, optional) = match inner.strip_suffix('?') {
        Some(inner) => (inner, true),
        None => (inner, false),
    };
    let mut parts = inner.split(':');
    let name = parts.next().unwrap_or_default().to_owned();
    if name.is_empty() || name.contains(['/', '*', '?']) {
        return Err("the route parameter name is invalid");
    }
    let constraints = parts.map(constraint).collect::<Result<Vec<_>, _>>()?;
    Ok(match (catch_all, default, optional) {
        (true, None, false) => Segment::CatchAll { name, constraints },
        (true, _, _) => return Err("a catch-all parameter cannot be marked optional or have a default"),
        (false, Some(_), true) => return Err("an optional parameter cannot have a default value"),
        (false, Some(value), false) => {
            Segment::Parameter { name, constraints, absent: Absent::Default(value) }
        }
        (false, None, true) => Segment::Parameter { name, constraints, absent: Absent::Optional },
        (false, None, false) => Segment::Parameter { name, constraints, absent: Absent::Required },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(template: &str, path: &str) -> Option<Vec<(String, Option<String>)>> {
        RouteTemplate::parse(template).unwrap().under("api").matches(path)
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
        check("files/{*rest}", "/api/files/a/b%2Fc", Some(&[("rest", Some("a/b/c"))]));
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
        for template in
            ["a//b", "{}", "{a", "a}", "x{a}", "{*a}/b", "{a:nonsense}", "{a:min(x)}", "{*a=1}", "{a?=1}"]
        {
            assert!(RouteTemplate::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn the_more_specific_template_is_asked_first() {
        let mut templates: Vec<_> = ["{*rest}", "orders/{id}", "{a}/{b}", "orders/new", "orders/{id:int}"]
            .map(|text| RouteTemplate::parse(text).unwrap())
            .into();
        templates.sort_by(RouteTemplate::precedence);
        let texts: Vec<_> = templates.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["orders/new", "orders/{id:int}", "orders/{id}", "{a}/{b}", "{*rest}"]);
    }
}
