//! Bodies of every kind, through a queue, the host and the runtime.

use crate::local_app::LocalApp;

/// Names of kinds, and the bodies.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let large: Vec<u8> = (0..200 * 1024_u32).map(|index| b' ' + u8::try_from(index % 90).unwrap()).collect();
    vec![
        ("object", br#"{"order":7,"lines":[{"a":null}],"zero":1.0}"#.to_vec()),
        ("array", b"[1, \"two\", {}]".to_vec()),
        ("string", br#""a \"text\" \u00e9""#.to_vec()),
        ("number", b"12.50".to_vec()),
        ("not-json", b"{not json} \\ \"quoted\" \n\t end".to_vec()),
        ("empty", Vec::new()),
        ("blanks", b"  \n ".to_vec()),
        ("base64", b"aGVsbG8gd29ybGQ=".to_vec()),
        ("base64-of-a-word", b"test".to_vec()),
        ("instant", b"2023-10-12T20:13:49.5Z".to_vec()),
        ("unicode", "é, 漢字, 🦀, \u{2028}, \u{feff}, \u{0}".as_bytes().to_vec()),
        ("large", large),
        ("lock-token", br#"{"LockToken":"mine","MessageId":"mine","DeliveryCount":99,"sys":{}}"#.to_vec()),
    ]
}

/// No text at all.
const INVALID: [u8; 6] = [0xff, 0x00, 0xfe, b'a', 0x80, 0xc3];

#[tokio::test]
async fn binary_bodies_arrive_byte_for_byte_with_the_brokers_metadata() {
    let app = LocalApp::start().await;
    let bodies = bodies().into_iter().chain([("invalid-utf8", INVALID.to_vec())]).collect::<Vec<_>>();
    for (id, body) in &bodies {
        app.send("binary", id, body.clone()).await;
    }
    for (id, body) in &bodies {
        assert_eq!(app.noted("binary", id).await, *body, "{id}");
        assert!(app.noted_beside("binary", id, "lock").starts_with("Some("), "{id}");
    }
    app.until_empty("binary").await;
    for (id, _) in &bodies {
        assert_eq!(app.noted_beside("binary", id, "deliveries"), "1\n", "{id}: once");
    }
    app.stop().await;
}

#[tokio::test]
async fn text_bodies_arrive_byte_for_byte_and_what_a_body_may_have_overwritten_is_not_believed() {
    let app = LocalApp::start().await;
    // Besides the body that names them, one that begins like an object and is no JSON: the host's parser takes more than
    // JSON, so the runtime believes none of its metadata.
    let overwriting = |id: &str| matches!(id, "lock-token" | "not-json");
    for (id, body) in bodies() {
        app.send("text", id, body.clone()).await;
        let noted = app.noted("text", if overwriting(id) { "overwritten" } else { id }).await;
        assert_eq!(noted, body, "{id}");
        if overwriting(id) {
            assert_eq!(app.noted_beside("text", "overwritten", "lock"), "None", "{id}");
            app.forget("text", "overwritten");
        }
    }
    // A text is what the binding asks for: bytes that are none cannot come through, by the contract.
    app.send("text", "invalid-utf8", INVALID.to_vec()).await;
    assert_eq!(app.noted("text", "invalid-utf8").await, String::from_utf8_lossy(&INVALID).as_bytes());
    app.until_empty("text").await;
    app.stop().await;
}
