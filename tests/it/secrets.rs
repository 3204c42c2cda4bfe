//! Tokens and personal data reach no log, no message and no journal.

use std::{fs, path::Path};

use service_bus::{Entity, Message};
use tokio::time::Instant;

use crate::{
    bad_messages::client,
    support::{PATIENCE, a_world, play},
};

#[tokio::test]
async fn no_token_and_no_address_of_a_person_is_kept_or_logged() {
    let world = a_world().await;
    let signed_up = play(&world).await;
    let seed = world.sandbox().seed();
    let landing_token =
        signed_up.purchase.landing.query_pairs().find(|(name, _)| name == "token").unwrap().1.into_owned();
    let secrets = [
        ("the landing page's token", landing_token),
        ("the customer's secret", seed.customer.administrator.client_secret),
        ("the vendor's secret", seed.vendor.administrator.client_secret),
        ("the signing key", world.settings()["LATCHKEY_SIGNING_KEY"].clone()),
        ("the start of a JWT", "eyJ0eXAi".to_owned()),
        ("the start of a JWT", "eyJhbGci".to_owned()),
        ("an e-mail address", format!("@{}", seed.customer.domain)),
    ];
    let mut texts = vec![
        ("HAR".to_owned(), world.sandbox().har().to_string()),
        ("output".to_owned(), world.watched(|watched| Vec::from(watched.output.clone()).join("\n"))),
    ];
    // What died says why, and has what it was sent with.
    let bus = client(&world);
    let bad = Message::new("no event").with_message_id("bad");
    bus.sender(Entity::queue("key_shared")).send(bad).await.unwrap();
    let dead = async || Ok(world.broker().counts("key_shared").unwrap().dead_letter == 1);
    world.wait_until("the dead letter", Instant::now() + PATIENCE, dead).await.unwrap();
    let letters = bus.receiver(Entity::queue("key_shared").dead_letter()).peek(0, 10).await.unwrap();
    let told = bus.receiver(Entity::subscription("onboarding_events", "vendor")).peek(0, 100).await.unwrap();
    assert!(letters.len() == 1 && !told.is_empty(), "{letters:?} {told:?}");
    for message in letters.into_iter().chain(told) {
        let body = String::from_utf8_lossy(&message.body).into_owned();
        texts.push(("a message".to_owned(), format!("{body} {:?}", message.application_properties)));
    }
    read_all(&world.folder().join("journal"), &mut texts);
    assert!(texts.len() > 8, "the journal was read: {}", texts.len());
    assert!(texts[1].1.lines().count() > 10, "the handler's output was read");
    for (place, text) in &texts {
        for (what, secret) in &secrets {
            // The HAR is the sandbox's own record of its wires: addresses in bodies are the marketplace's data there.
            let allowed = place == "HAR" && *what == "an e-mail address";
            assert!(allowed || !text.contains(secret.as_str()), "{what} is in {place}");
        }
    }
    world.stop().await;
}

fn read_all(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, texts);
        } else {
            texts.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}
