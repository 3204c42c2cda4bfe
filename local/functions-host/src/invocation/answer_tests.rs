//! Cases from the real host's own `DefaultHttpWorkerServiceTests`.

use super::*;

fn response(status: u16, content_type: Option<&str>, body: &str) -> Response<Bytes> {
    let mut builder = Response::builder().status(status);
    if let Some(content_type) = content_type {
        builder = builder.header(header::CONTENT_TYPE, content_type);
    }
    builder.body(Bytes::from(body.to_owned())).unwrap()
}

fn json(body: &str) -> Result<Decoded, InvocationError> {
    decode(&response(200, Some("application/json; charset=utf-8"), body))
}

fn answered(body: &str) -> Answer {
    match json(body).unwrap() {
        Decoded::Answer(answer) => answer,
        Decoded::NeverCompletes => panic!("{body}"),
    }
}

#[test]
fn outputs_logs_and_return_value_are_read_in_any_case() {
    let check = |body: &str| {
        let answer = answered(body);
        assert_eq!(answer.logs, ["invocation log1", "invocation log2"]);
        assert_eq!(answer.output("output1", false), Some(&Json::from("output1Value")));
        assert_eq!(answer.output("OUTPUT1", false), None);
        assert_eq!(answer.return_value, Some(Json::from("Hello return")));
        assert_eq!(answer.output("$return", true), Some(&Json::from("Hello return")));
    };
    check(
        r#"{"Logs":["invocation log1","invocation log2"],"Outputs":{"output1":"output1Value","output2":"output2Value"},"ReturnValue":"Hello return"}"#,
    );
    check(
        r#"{"logs":["invocation log1","invocation log2"],"OUTPUTS":{"output1":"output1Value"},"returnvalue":"Hello return","other":1}"#,
    );
}

#[test]
fn an_object_without_the_known_members_is_a_success() {
    assert_eq!(answered(r#"{"key1":"value1","key2":"value2"}"#), Answer::default());
    assert_eq!(answered("{}"), Answer::default());
    assert_eq!(answered("{} {"), Answer::default());
    assert_eq!(answered("// c\n{'a':1,}"), Answer::default());
    assert_eq!(answered(r#"{"Logs":null,"Outputs":null,"ReturnValue":null}"#), Answer::default());
}

#[test]
fn an_empty_or_null_answer_never_completes() {
    for answer in [response(200, None, ""), response(204, Some("application/json"), "")] {
        assert_eq!(decode(&answer).unwrap(), Decoded::NeverCompletes);
    }
    assert_eq!(json("null").unwrap(), Decoded::NeverCompletes);
}

#[test]
fn failures_have_the_real_hosts_words() {
    let check = |response: Response<Bytes>, expected: &[&str]| {
        let error = decode(&response).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{error}");
        }
    };
    check(response(400, None, ""), &["does not indicate success: 400 (Bad Request)."]);
    check(response(500, None, "x"), &["does not indicate success: 500 (Internal Server Error)."]);
    check(response(302, None, ""), &["302 (Found)"]);
    check(response(200, Some("application/json"), "Hello World"), &["StatusCode: 200", "Hello World"]);
    check(response(200, Some("text/plain"), "TestMessage"), &["'text/plain'", "TestMessage"]);
    check(response(200, None, "{}"), &["media type ''"]);
    check(response(200, Some("text/html"), "<p>"), &["'text/html'"]);
    for body in ["[]", "12", "\"text\"", r#"{"Outputs":[]}"#, r#"{"Logs":"x"}"#, r#"{"Logs":[{}]}"#] {
        check(response(200, Some("text/json"), body), &["StatusCode: 200", body]);
    }
}

#[test]
fn members_of_a_return_value_are_outputs_where_no_binding_takes_it() {
    let answer = answered(r#"{"Outputs":{"a":"1","b":"2"},"ReturnValue":{"b":"3","c":null}}"#);
    assert_eq!(answer.output("a", false), Some(&Json::from("1")));
    assert_eq!(answer.output("b", false), Some(&Json::from("3")));
    assert_eq!(answer.output("b", true), Some(&Json::from("2")));
    assert_eq!(answer.output("c", false), None);
}
