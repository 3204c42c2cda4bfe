//! Cases from the real host's own `HttpScriptInvocationResultExtensionsTests`, and the rules of `RawScriptResult`.

use super::*;
use crate::configuration::function_json::from_json;
use crate::settings::Settings;

fn function(output_name: &str) -> Function {
    let bindings = format!(
        r#"{{"bindings":[{{"type":"httpTrigger","name":"req"}},{{"type":"http","direction":"out","name":"{output_name}"}}]}}"#
    );
    from_json("test", Json::parse(&bindings).unwrap(), &Settings::only(&[])).unwrap()
}

fn res(value: &str) -> Result<Response<Bytes>, InvocationError> {
    let outputs = Some(vec![("res".to_owned(), Json::parse_answer(value).unwrap())]);
    response(&function("res"), &Answer { outputs, ..Answer::default() })
}

#[test]
fn objects_and_texts_that_hold_one_become_responses() {
    let check = |value: &str, status: u16, body: &str, content_type: Option<&str>| {
        let response = res(value).unwrap_or_else(|error| panic!("{value}: {error}"));
        assert_eq!(response.status().as_u16(), status, "{value}");
        assert_eq!(response.body(), body, "{value}");
        let found = response.headers().get(CONTENT_TYPE).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(found.as_deref(), content_type, "{value}");
    };
    let text = Some("text/plain; charset=utf-8");
    check(r#"{"statusCode":"204","body":"no room"}"#, 204, "", text);
    check("{}", 200, "", text);
    check(r#"{"body":"hello"}"#, 200, "hello", text);
    check(r#"{"body":"hello","statusCode":"300"}"#, 300, "hello", text);
    check(r#"{"body":"my world","STATUSCODE":201}"#, 201, "my world", text);
    check(r#""{\"body\":\"hello\",\"statusCode\":202}""#, 202, "hello", text);
    check(r#"{"body":"x","status":404}"#, 200, "x", text);
    check(r#"{"body":"x","statusCode":"many"}"#, 200, "x", text);
    check(r#"{"body":{"b":1,"a":[2]}}"#, 200, "{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}", text);
    check(r#"{"body":true}"#, 200, "True", text);
    check(r#"{"body":4.0}"#, 200, "4", text);
    check(r#"{"body":"2023-10-12T20:13:49Z"}"#, 200, "10/12/2023 20:13:49", text);
    check(r#""null""#, 200, "{}", text);
    check(r#""  ""#, 200, "{}", text);
    check(r#"{"statusCode":" +201 "}"#, 201, "", text);
    check(r#"{"statusCode":99}"#, 500, "", text);
    check(
        r#"{"body":{"d":"2020-01-02T03:04:05+02:00"}}"#,
        200,
        "{\n  \"d\": \"2020-01-02T01:04:05+00:00\"\n}",
        text,
    );
    check(r#"{"body":"aGVsbG8="}"#, 200, "aGVsbG8=", text);
    check(
        r#"{"body":"<p>","headers":{"content-type":"text/html"}}"#,
        200,
        "<p>",
        Some("text/html; charset=utf-8"),
    );
    check(r#"{"headers":{"Content-Type":"a/b; charset=x; y=z"}}"#, 200, "", Some("a/b; y=z; charset=utf-8"));
    check(r#"{"headers":{"Content-Type":""}}"#, 200, "", text);
}

#[test]
fn headers_are_single_texts() {
    let value = r#"{"body":"foobar","statusCode":"301","headers":{"header1":"header1Value","n":2,"N":3,"empty":[],
        "when":"2020-01-01T00:00:00Z"}}"#;
    let response = res(value).unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("header1"), Some("header1Value"));
    assert_eq!(
        (header("n"), header("empty"), header("when")),
        (Some("2"), Some("[]"), Some("01/01/2020 00:00:00"))
    );
}

#[test]
fn what_cannot_be_a_header_is_a_500_of_an_invocation_that_succeeded() {
    for headers in [
        r#"{"x-a":1,"x-b":["a","b"]}"#,
        r#"{"x-a":1,"x-b":{"a":1}}"#,
        r#"{"x-a":1,"x-b":null}"#,
        r#"{"x-a":1,"x-b":"é"}"#,
        r#"{"x-a":1,"a b":"x"}"#,
        r#"{"x-a":1,"content-length":"3"}"#,
    ] {
        let response = res(&format!(r#"{{"body":"x","headers":{headers}}}"#)).unwrap();
        assert_eq!((response.status().as_u16(), response.body().len()), (500, 0), "{headers}");
        assert_eq!(response.headers()["x-a"], "1", "{headers}");
    }
    assert_eq!(res(r#"{"headers":"x"}"#).unwrap().status(), 500);
}

#[test]
fn anything_else_fails_the_invocation() {
    for value in [r#""SomeBlah""#, "12", "[]", "null"] {
        let error = res(value).unwrap_err().to_string();
        assert!(
            error.starts_with("Failed while trying to Deserialize to httpOutputBindingResponse"),
            "{error}"
        );
    }
}

#[test]
fn answers_without_the_binding_are_204_or_an_empty_object() {
    let check = |function: &Function, answer: &Answer, status: u16, body: &str| {
        let response = response(function, answer).unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (status, body.as_bytes()));
    };
    let empty = Answer { outputs: Some(Vec::new()), ..Answer::default() };
    check(&function("res"), &Answer::default(), 204, "");
    check(&function("res"), &empty, 200, "{}");
    check(&function("$return"), &empty, 204, "");
    let returned =
        |value: &str| Answer { return_value: Some(Json::parse(value).unwrap()), ..Answer::default() };
    check(&function("res"), &returned("\"rv\""), 200, "rv");
    check(
        &function("res"),
        &returned(r#"{"body":"rv","statusCode":201}"#),
        200,
        r#"{"body":"rv","statusCode":201}"#,
    );
    check(&function("res"), &returned(r#"{"res":{"statusCode":201}}"#), 201, "");
}

#[test]
fn a_return_value_can_be_text_bytes_or_a_response() {
    let check = |value: Json, status: u16, expected: &str| {
        let answer = Answer { return_value: Some(value), ..Answer::default() };
        let response = response(&function("$return"), &answer).unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (status, expected.as_bytes()));
    };
    check(Json::from("Hello return"), 200, "Hello return");
    check(Json::from("aGVsbG8="), 200, "hello");
    check(Json::parse(r#"{"statusCode":418,"body":"tea"}"#).unwrap(), 418, "tea");
    check(Json::from(r#"{"body":"x"}"#), 200, "x");
    check(Json::parse(r#"{"status":202,"body":{"a":1}}"#).unwrap(), 202, r#"{"a":1}"#);
    check(Json::parse(r#"{"a":1}"#).unwrap(), 200, "{\n  \"a\": 1\n}");
    check(Json::from("[1]"), 200, "[\n  1\n]");
}
