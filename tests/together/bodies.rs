//! Bodies of every kind, through a queue, the host and the runtime.

use crate::app::RunningApp;

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
    let world = RunningApp::start().await;
    let bodies = bodies().into_iter().chain([("invalid-utf8", INVALID.to_vec())]).collect::<Vec<_>>();
    for (id, body) in &bodies {
        world.send("binary", id, body.clone()).await;
    }
    for (id, body) in &bodies {
        assert_eq!(world.noted("binary", id).await, *body, "{id}");
        assert!(world.noted_beside("binary", id, "lock").starts_with("Some("), "{id}");
    }
    world.until_empty("binary").await;
    for (id, _) in &bodies {
        assert_eq!(world.noted_beside("binary", id, "deliveries"), "1\n", "{id}: once");
    }
    world.stop().await;
}

#[tokio::test]
async fn text_bodies_arrive_byte_for_byte_and_what_a_body_may_have_overwritten_is_not_believed() {
    let world = RunningApp::start().await;
    // Besides the body that names them, one that begins like an object and is no JSON: the host's parser takes more than
    // JSON, so the runtime believes none of its metadata.
    let overwriting = |id: &str| matches!(id, "lock-token" | "not-json");
    for (id, body) in bodies() {
        world.send("text", id, body.clone()).await;
        let noted = world.noted("text", if overwriting(id) { "overwritten" } else { id }).await;
        assert_eq!(noted, body, "{id}");
        if overwriting(id) {
            assert_eq!(world.noted_beside("text", "overwritten", "lock"), "None", "{id}");
            world.forget("text", "overwritten");
        }
    }
    // A text is what the binding asks for: bytes that are none cannot come through, by the contract.
    world.send("text", "invalid-utf8", INVALID.to_vec()).await;
    assert_eq!(world.noted("text", "invalid-utf8").await, String::from_utf8_lossy(&INVALID).as_bytes());
    world.until_empty("text").await;
    world.stop().await;
}

#[tokio::test]
async fn batches_arrive_byte_for_byte_and_one_bad_message_returns_alone() {
    let world = RunningApp::start().await;
    for (queue, more) in [("batch_text", None), ("batch_binary", Some(("invalid-utf8", INVALID.to_vec())))] {
        let mut sent: Vec<_> = bodies().into_iter().chain(more).collect();
        sent.push(("fails-once", b"fails once".to_vec()));
        for (id, body) in &sent {
            world.send(queue, id, body.clone()).await;
        }
        for (id, body) in &sent {
            assert_eq!(world.noted(queue, id).await, *body, "{queue} {id}");
        }
        world.until_empty(queue).await;
        for (id, _) in &sent {
            let expected = if *id == "fails-once" { "1\n2\n" } else { "1\n" };
            assert_eq!(world.noted_beside(queue, id, "deliveries"), expected, "{queue} {id}");
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn outputs_leave_byte_for_byte_but_for_a_body_that_is_an_instant() {
    let world = RunningApp::start().await;
    for (id, body) in bodies() {
        world.send("echo", id, body.clone()).await;
        let sent = world.next().await;
        // The host's JSON parser makes a date of a text that is nothing but an instant, and writes it in its own way.
        let expected = if id == "instant" { b"10/12/2023 20:13:49".to_vec() } else { body };
        assert_eq!(sent.body, expected, "{id}");
        assert_eq!(sent.content_type.as_deref(), Some("text/plain"));
    }
    world.until_empty("echo").await;
    world.stop().await;
}
