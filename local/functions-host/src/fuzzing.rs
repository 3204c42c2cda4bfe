//! The entry functions of fuzz targets: bytes in, and nothing but a panic out.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{Response, StatusCode, header};

use crate::configuration::function_json::{Function, OutputTarget, RETURN, from_json};
use crate::http::response_object;
use crate::invocation::answer::{Answer, Decoded, decode};
use crate::json::Json;
use crate::service_bus::output::message_bodies;
use crate::settings::Settings;

/// An answer of a handler, through everything that the host does with it short of a network: the first byte chooses
/// the status, the second the content type, the rest is the body.
///
/// # Panics
///
/// When the host would, or when it takes an answer that it must not take.
pub fn host_answer(data: &[u8]) {
    let (head, body) = data.split_at(data.len().min(2));
    let status = status(head.first().copied().unwrap_or_default());
    let content_type = content_type(head.get(1).copied().unwrap_or_default());
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status;
    if let Some(value) = content_type.and_then(|text| text.parse().ok()) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    match decode(&response) {
        Ok(decoded) => {
            assert!(status.is_success(), "a failure was taken for a success: {status}");
            match decoded {
                Decoded::NeverCompletes => {}
                Decoded::Answer(answer) => take(&answer),
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Functions with every kind of output that there is.
static FUNCTIONS: LazyLock<[Function; 2]> = LazyLock::new(|| ["res", "$return"].map(function));

fn function(http_output: &str) -> Function {
    let bindings = format!(
        r#"{{"bindings":[{{"type":"httpTrigger","name":"req"}},
            {{"type":"http","direction":"out","name":"{http_output}"}},
            {{"type":"serviceBus","direction":"out","name":"next","queueName":"q"}},
            {{"type":"serviceBus","direction":"out","name":"raw","queueName":"q","dataType":"binary"}}]}}"#
    );
    let json = Json::parse(&bindings).expect("written here");
    from_json("fuzzed", json, &Settings::empty()).expect("written here")
}

fn take(answer: &Answer) {
    for function in FUNCTIONS.iter() {
        let returns = function.outputs.iter().any(|output| output.name == RETURN);
        for output in &function.outputs {
            let Some(value) = answer.output(&output.name, returns) else { continue };
            if let OutputTarget::ServiceBus { .. } = output.target {
                let bodies = message_bodies(value, output.binary);
                // A list is one message an item; anything else is one, or as many as its text lists.
                if let Json::Array(items) = value {
                    assert_eq!(bodies.len(), items.len());
                }
            }
        }
        // A refusal is as good as an answer: what counts is that there is one of the two.
        let _ = response_object::response(function, answer);
    }
}

fn status(choice: u8) -> StatusCode {
    // Mostly 200, so that most bodies are read.
    match choice {
        0..=199 => StatusCode::OK,
        200..=209 => StatusCode::NO_CONTENT,
        210..=219 => StatusCode::FOUND,
        220..=239 => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::from_u16(u16::from(choice) * 2).unwrap_or(StatusCode::IM_A_TEAPOT),
    }
}

fn content_type(choice: u8) -> Option<&'static str> {
    match choice {
        0..=199 => Some("application/json; charset=utf-8"),
        200..=219 => Some("text/json"),
        220..=239 => Some("text/html"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts that come near an answer: what breaks decoders is seldom noise.
    fn near_answers() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| number.to_string()),
            ".{0,12}".prop_map(|text| Json::from(text).to_compact_text()),
            "[A-Za-z0-9+/ ]{0,12}={0,3}".prop_map(|text| format!("\"{text}\"")),
            "[0-9]{1,5}-[0-9]{2}-[0-9]{2}T[0-9:.]{1,12}(Z|[+]0[0-9]:00)?"
                .prop_map(|text| format!("\"{text}\"")),
        ];
        let names = [
            "Outputs",
            "outputs",
            "Logs",
            "ReturnValue",
            "res",
            "next",
            "raw",
            "statusCode",
            "body",
            "headers",
        ];
        let name = prop_oneof![
            Just(names)
                .prop_flat_map(|names| proptest::sample::select(names.to_vec()))
                .prop_map(str::to_owned),
            "[a-z]{0,4}"
        ];
        scalar.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                proptest::collection::vec((name.clone(), inner.clone()), 0..6).prop_map(|members| {
                    let members: Vec<_> =
                        members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
                // A text that holds JSON.
                inner.prop_map(|text| Json::from(text).to_compact_text()),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_make_the_host_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            host_answer(&data);
        }

        #[test]
        fn no_answer_makes_the_host_panic(head in any::<[u8; 2]>(), body in near_answers()) {
            host_answer(&[&head[..], body.as_bytes()].concat());
            let whole = format!(r#"{{"Outputs":{{"res":{body},"next":{body},"raw":{body}}},"ReturnValue":{body}}}"#);
            host_answer(&[&[0, 0], whole.as_bytes()].concat());
        }
    }
}
