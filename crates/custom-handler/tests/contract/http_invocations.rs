//! HTTP requests that come as invocations.

use axum::http::{StatusCode, header};
use custom_handler::{
    Functions, HttpRequest, HttpResponse, Outputs,
    testing::{Answer, Invocation, TestFunctions},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Order {
    id: u32,
}

async fn order(request: HttpRequest, _: ()) -> Result<(HttpResponse, Outputs), String> {
    match request.json::<Order>() {
        Ok(Order { id }) => {
            let outputs = Outputs::new().message("orders", id.to_string());
            let response = HttpResponse::new(StatusCode::CREATED)
                .header(&header::LOCATION, format!("/orders/{id}"))
                .json(&json!({ "id": id }))
                .map_err(|error| error.to_string())?;
            Ok((response, outputs))
        }
        Err(problem) => Ok(HttpResponse::new(StatusCode::BAD_REQUEST).text(problem).into()),
    }
}

/// Tells what arrived.
async fn echo(request: HttpRequest, _: ()) -> Result<HttpResponse, serde_json::Error> {
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    HttpResponse::new(StatusCode::OK).json(&json!({
        "method": request.method.as_str(), "url": request.url, "query": request.query, "params": request.params,
        "headers": headers, "body": request.body.to_vec(), "identities": request.identities.len(),
        "invocation": request.invocation_id
    }))
}

async fn run(invocation: Invocation) -> Answer {
    let functions = Functions::new(()).http_invoked("order", order).http_invoked("echo", echo);
    TestFunctions::new(functions).invoke(invocation).await
}

async fn echoed(request: Value) -> Value {
    let answer = run(Invocation::new("echo", "req", request, json!({})).invocation_id("i-1")).await;
    assert!(answer.succeeded(), "{}", answer.error());
    let response = answer.output("res").unwrap();
    serde_json::from_str(response["body"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn a_response_goes_out_in_the_form_that_the_host_reads() {
    let answer =
        run(Invocation::http("order", "POST", "http://localhost/api/order").http_body("{\"id\":7}")).await;
    assert_eq!(
        answer.output("res"),
        Some(&json!({
            "statusCode": "201",
            "headers": { "content-type": "application/json", "location": "/orders/7" },
            "body": "{\"id\":7}"
        }))
    );
    assert_eq!(answer.output("orders"), Some(&json!(["7"])));
}

#[tokio::test]
async fn a_bad_body_is_the_functions_own_business() {
    let answer =
        run(Invocation::http("order", "POST", "http://localhost/api/order").http_body("{\"id\":-7}")).await;
    assert!(answer.succeeded());
    let response = answer.output("res").unwrap();
    assert_eq!(response["statusCode"], "400");
    assert_eq!(response["headers"]["content-type"], "text/plain; charset=utf-8");
    assert!(response["body"].as_str().unwrap().starts_with("id: invalid value: integer `-7`"), "{response}");
    assert_eq!(answer.output("orders"), None);
}

/// The request of the Functions host's own test (azure-functions-host, `DefaultHttpWorkerServiceTests.cs`).
#[tokio::test]
async fn the_hosts_own_sample_is_understood() {
    let echo = echoed(json!({
        "Url": "http://localhost?id=149656222&name=Ink%20And%20Toner", "Method": "GET",
        "Query": { "id": "149656222", "name": "Ink And Toner" },
        "Headers": { "Accept": ["text/plain"], "Accept-Charset": ["UTF-8"], "X-Many": ["a", "b"] },
        "Params": { "id": "7", "optional": null },
        "Identities": [{ "AuthenticationType": "WebJobsAuthLevel", "IsAuthenticated": true, "Claims": [] }],
        "Body": "\"hello world\""
    }))
    .await;
    assert_eq!(
        echo,
        json!({
            "method": "GET", "url": "http://localhost?id=149656222&name=Ink%20And%20Toner",
            "query": { "id": "149656222", "name": "Ink And Toner" }, "params": { "id": "7" },
            "headers": [["accept", "text/plain"], ["accept-charset", "UTF-8"], ["x-many", "a"], ["x-many", "b"]],
            "body": b"\"hello world\"".to_vec(), "identities": 1, "invocation": "i-1"
        })
    );
}

#[tokio::test]
async fn older_and_smaller_requests_are_understood() {
    let echo = echoed(json!({ "Method": "POST", "Query": "{\"a\":\"1\"}", "Identities": "[]" })).await;
    assert_eq!(
        (&echo["query"], &echo["body"], &echo["identities"]),
        (&json!({ "a": "1" }), &json!([]), &json!(0))
    );
}

#[tokio::test]
async fn binary_bodies_come_as_base64_by_their_content_type_only() {
    for (content_type, expected) in [
        ("application/octet-stream", vec![0xFF, 0x00]),
        ("Multipart/Form-Data; boundary=x", vec![0xFF, 0x00]),
        ("text/plain", b"/wA=".to_vec()),
    ] {
        let request =
            json!({ "Method": "PUT", "Headers": { "content-type": [content_type] }, "Body": "/wA=" });
        assert_eq!(echoed(request).await["body"], json!(expected), "{content_type}");
    }
}

#[tokio::test]
async fn what_is_no_request_fails() {
    for request in [
        json!("x"),
        json!({}),
        json!({ "Method": "no method" }),
        json!({ "Method": "GET", "Params": 3 }),
        json!({ "Method": "PUT", "Headers": { "content-type": ["multipart/mixed"] }, "Body": "no base64" }),
    ] {
        let answer = run(Invocation::new("echo", "req", request.clone(), json!({}))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{request}");
    }
}
