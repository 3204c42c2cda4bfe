//! A request to Graph taken apart, and its answer put together.

use std::collections::BTreeMap;

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use url::form_urlencoded;

use super::fault::GraphFault;
use super::filter::Filter;
use crate::tokens::Caller;

/// One request, as far as the collections need it.
pub(super) struct GraphRequest {
    /// `v1.0` or `beta`.
    version: String,
    /// The segments after the version. `applications(appId='…')` stands here as two: `applications` and `appId='…'`.
    pub(super) path: Vec<String>,
    query: BTreeMap<String, String>,
    /// Whether it is an advanced query: only such a one is told how many objects there are.
    is_advanced: bool,
    body: Option<Value>,
    pub(super) caller: Caller,
    pub(super) now: OffsetDateTime,
}

/// One answer.
pub(super) enum GraphResponse {
    Found(Value),
    Created { location: Option<String>, body: Value },
    Done,
}

impl GraphRequest {
    pub(super) fn parse(
        uri: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        caller: Caller,
        now: OffsetDateTime,
    ) -> Result<Self, GraphFault> {
        let mut segments = uri.path().split('/').filter(|segment| !segment.is_empty());
        let version = segments.next().unwrap_or_default();
        if !["v1.0", "beta"].contains(&version) {
            return Err(GraphFault::bad_request("Invalid version: ".to_owned() + version));
        }
        let path = segments.flat_map(segment).collect();
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let offered = ["$filter", "$select", "$top", "$count", "api-version"];
        if let Some(option) = query.keys().find(|name| !offered.contains(&name.as_str())) {
            return Err(GraphFault::not_offered(&format!("the query option '{option}'")));
        }
        let consistency = headers.get("consistencylevel").and_then(|value| value.to_str().ok());
        let is_advanced = consistency.is_some_and(|level| level.eq_ignore_ascii_case("eventual"));
        let body = if body.is_empty() {
            None
        } else {
            let text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is \
                        of valid JSON format.";
            Some(serde_json::from_slice(body).map_err(|_| GraphFault::bad_request(text))?)
        };
        Ok(Self { version: version.to_owned(), path, query, is_advanced, body, caller, now })
    }

    /// The body as an object.
    pub(super) fn object(&self) -> Result<&Map<String, Value>, GraphFault> {
        self.body
            .as_ref()
            .and_then(Value::as_object)
            .ok_or_else(|| GraphFault::bad_request("Empty Payload. JSON content expected."))
    }

    /// One object, with the properties that `$select` asks for.
    pub(super) fn entity(&self, collection: &str, object: Value) -> Value {
        let mut object = self.selected(object);
        object["@odata.context"] = self.context(&format!("{collection}/$entity")).into();
        object
    }

    /// A collection, with what `$filter`, `$top` and `$select` leave of it. `$count` counts what `$filter` leaves.
    pub(super) fn collection(&self, collection: &str, objects: Vec<Value>) -> Result<Value, GraphFault> {
        let filter = self.query.get("$filter").map(|text| Filter::parse(text)).transpose()?;
        let top = match self.query.get("$top") {
            Some(text) => text.parse().map_err(|_| GraphFault::bad_request("Invalid value for '$top'."))?,
            None => usize::MAX,
        };
        let mut kept = Vec::new();
        for object in objects {
            if filter.as_ref().map_or(Ok(true), |filter| filter.keeps(&object))? {
                kept.push(self.selected(object));
            }
        }
        let counts = match self.query.get("$count").map(String::as_str) {
            None | Some("false") => false,
            // Only an advanced query may count (documented). Our guess: without the header it is passed over in silence.
            Some("true") => self.is_advanced,
            Some(_) => return Err(GraphFault::bad_request("Invalid value for '$count'.")),
        };
        let count = kept.len();
        kept.truncate(top);
        let mut shown = json!({"@odata.context": self.context(collection), "value": kept});
        if counts {
            shown["@odata.count"] = count.into();
        }
        Ok(shown)
    }

    fn selected(&self, object: Value) -> Value {
        let (Some(select), Value::Object(properties)) = (self.query.get("$select"), &object) else {
            return object;
        };
        let asked =
            |name: &String| name.starts_with('@') || select.split(',').any(|asked| asked.trim() == name);
        properties
            .iter()
            .filter(|(name, _)| asked(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn context(&self, what: &str) -> String {
        format!("https://graph.microsoft.com/{}/$metadata#{what}", self.version)
    }
}

/// A path segment, decoded, with a key in parentheses split off.
fn segment(text: &str) -> Vec<String> {
    // A plus stands for itself in a path.
    let decoded = form_urlencoded::parse(text.replace('+', "%2B").as_bytes())
        .next()
        .map(|(name, value)| if value.is_empty() { name.into_owned() } else { format!("{name}={value}") })
        .unwrap_or_default();
    match decoded.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        Some((collection, key)) if !collection.is_empty() => vec![collection.to_owned(), key.to_owned()],
        _ => vec![decoded],
    }
}

/// The value of a key such as `appId='…'`, or nothing when the key is a plain id.
pub(super) fn alternate_key<'a>(key: &'a str, property: &str) -> Option<&'a str> {
    key.strip_prefix(property)?.strip_prefix("='")?.strip_suffix('\'')
}

impl IntoResponse for GraphResponse {
    fn into_response(self) -> Response {
        let odata = [("odata-version", "4.0")];
        match self {
            Self::Found(body) => (odata, Json(body)).into_response(),
            Self::Created { location: Some(location), body } => {
                (StatusCode::CREATED, odata, [(header::LOCATION, location)], Json(body)).into_response()
            }
            Self::Created { location: None, body } => {
                (StatusCode::CREATED, odata, Json(body)).into_response()
            }
            Self::Done => StatusCode::NO_CONTENT.into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_parentheses_is_a_segment_of_its_own() {
        for (text, expected) in [
            ("applications", vec!["applications"]),
            ("applications(appId='1')", vec!["applications", "appId='1'"]),
            ("applications(appId=%271%27)", vec!["applications", "appId='1'"]),
            ("a%20b", vec!["a b"]),
            ("a+b", vec!["a+b"]),
        ] {
            assert_eq!(segment(text), expected, "{text}");
        }
        assert_eq!(alternate_key("appId='1'", "appId"), Some("1"));
        assert_eq!(alternate_key("1", "appId"), None);
    }
}
