//! Requests with bodies of every kind, forwarded.

use crate::local_app::LocalApp;

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_forwarded_request_and_its_answer_pass_byte_for_byte() {
    let app = LocalApp::start().await;
    let url = format!("{}/api/forwarded", app.host.url());
    let every_byte: Vec<u8> = (0..=255).cycle().take(200 * 1024).collect();
    for body in [every_byte, Vec::new(), b"{\"a\":1}".to_vec(), vec![0xff, 0xfe]] {
        let answer = client().post(&url).header("x-seen", "yes").body(body.clone()).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-seen"].to_str().unwrap()), (202, "yes"));
        assert_eq!(answer.bytes().await.unwrap(), body);
    }
    app.stop().await;
}
