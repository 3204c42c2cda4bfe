//! Requests of every kind, forwarded and in the JSON envelope.

use crate::app::RunningApp;

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_forwarded_request_and_its_answer_pass_byte_for_byte() {
    let world = RunningApp::start().await;
    let url = format!("{}/api/forwarded", world.host.url());
    let every_byte: Vec<u8> = (0..=255).cycle().take(200 * 1024).collect();
    for body in [every_byte, Vec::new(), b"{\"a\":1}".to_vec(), vec![0xff, 0xfe]] {
        let answer = client().post(&url).header("x-seen", "yes").body(body.clone()).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-seen"].to_str().unwrap()), (202, "yes"));
        assert_eq!(answer.bytes().await.unwrap(), body);
    }
    world.stop().await;
}

#[tokio::test]
async fn a_request_in_the_envelope_is_answered_and_sends_an_output() {
    let world = RunningApp::start().await;
    let url = format!("{}/api/invoked", world.host.url());
    for body in ["{\"a\": 1}", "plain", "[1]", "aGVsbG8=", "\"quoted\"", "é 🦀"] {
        let answer = client().post(&url).body(body).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (201, body));
        assert_eq!(world.next().await.body, body);
    }
    world.stop().await;
}
