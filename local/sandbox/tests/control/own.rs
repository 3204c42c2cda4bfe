//! The sandbox's own address, as a program on this machine calls it.

use reqwest::{Client, Method};
use serde_json::Value;

use crate::cloud::Cloud;

pub(crate) struct Own {
    client: Client,
    pub(crate) base: String,
}

impl Own {
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { client, base: cloud.sandbox.own_url() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Status and JSON body; null for an empty one.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.request(method, path);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    #[track_caller]
    pub(crate) fn expect(&self, answer: (u16, Value), status: u16) -> Value {
        assert_eq!(answer.0, status, "{}", answer.1);
        answer.1
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        self.expect(answer, 200)
    }
}
