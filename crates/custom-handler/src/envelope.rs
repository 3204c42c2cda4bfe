//! The body of an invocation: `{"Data": {…}, "Metadata": {…}}`.
//!
//! `Data` holds the trigger's value under the name that its binding has in `function.json`; `Metadata` what the trigger
//! knows beside it. Source: azure-functions-host, `HttpScriptInvocationContext.cs`.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A decoded invocation body.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    #[serde(rename = "Data")]
    data: Map<String, Value>,
    #[serde(rename = "Metadata", default)]
    pub(crate) metadata: Map<String, Value>,
}

impl Envelope {
    /// # Errors
    /// What is wrong with the bytes, and where.
    pub(crate) fn decode(body: &[u8]) -> Result<Self, String> {
        if body.is_empty() {
            return Err("the invocation has no body".to_owned());
        }
        serde_json::from_slice(body).map_err(|error| {
            format!("the invocation is not a JSON object with Data: {}", problem(body, &error))
        })
    }

    /// Takes the trigger's value out. The invocation does not say which member of `Data` that is, so there must be one
    /// only.
    ///
    /// # Errors
    /// When `Data` has no member, or more than one.
    pub(crate) fn take_trigger_value(&mut self) -> Result<Value, String> {
        let mut values = std::mem::take(&mut self.data).into_iter();
        match (values.next(), values.next()) {
            (Some((_, value)), None) => Ok(value),
            (None, _) => Err("the invocation's Data is empty".to_owned()),
            (Some((first, _)), Some((second, _))) => Err(format!(
                "the invocation's Data has several members ({first}, {second}): a function may have one input binding, its trigger"
            )),
        }
    }
}

/// Where the trouble is. To keep track of the path costs as much as to decode, so it is done once there is trouble.
fn problem(body: &[u8], error: &serde_json::Error) -> String {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    match serde_path_to_error::deserialize::<_, Envelope>(&mut deserializer) {
        Err(error) => crate::decode::describe(&error),
        // The envelope is well, but something follows it.
        Ok(_) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_invocation_says_why() {
        for (body, part) in [
            ("", "no body"),
            ("not JSON", "expected ident"),
            ("null", "not a JSON object"),
            ("{}", "missing field `Data`"),
            ("{\"Data\":3}", "Data: invalid type: integer `3`"),
            ("{\"Data\":{},\"Metadata\":[]}", "Metadata: "),
            ("{\"Data\":{}} and more", "trailing characters"),
        ] {
            let problem = Envelope::decode(body.as_bytes()).unwrap_err();
            assert!(problem.contains(part), "{body}: {problem}");
        }
    }

    #[test]
    fn the_trigger_is_the_only_member_of_data() {
        let take = |body: &str| Envelope::decode(body.as_bytes()).unwrap().take_trigger_value();
        assert_eq!(take("{\"Data\":{\"m\":\"x\"}}"), Ok(Value::from("x")));
        assert!(take("{\"Data\":{}}").unwrap_err().contains("empty"));
        assert!(take("{\"Data\":{\"a\":1,\"b\":2}}").unwrap_err().contains("a, b"));
    }
}
