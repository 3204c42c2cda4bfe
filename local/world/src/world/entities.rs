//! The queues and topics of the function app, as `infra/` deploys them: with its properties, in the format of the
//! `Config.json` of Microsoft's emulator, which `latchkey broker` takes.

use latchkey_functions::package::{queue_names, topic_names};
use serde_json::{Map, Value, json};

/// The subscription of the vendor's own systems to each topic.
pub(super) const VENDOR: &str = "vendor";

/// A file that declares them all, with the properties that `infra/` gives them.
#[must_use]
pub fn broker_configuration() -> Value {
    let (of_queues, of_topics) = (
        properties(include_str!("../../../../infra/queue.json")),
        properties(include_str!("../../../../infra/topic.json")),
    );
    let queue = |name: &String| json!({ "Name": name, "Properties": of_queues });
    let topic = |name: &String| json!({ "Name": name, "Properties": of_topics, "Subscriptions": [{ "Name": VENDOR }] });
    json!({ "UserConfig": { "Namespaces": [{
        "Name": "sb-latchkey",
        "Queues": queue_names().iter().map(queue).collect::<Vec<_>>(),
        "Topics": topic_names().iter().map(topic).collect::<Vec<_>>(),
    }]}})
}

/// The emulator spells them with a capital letter, and knows no partitions.
fn properties(deployed: &str) -> Value {
    let deployed: Map<String, Value> =
        serde_json::from_str(deployed).expect("a file of infra/, which a test reads");
    let kept = deployed.into_iter().filter(|(name, _)| name != "enablePartitioning");
    let spelled = kept.map(|(name, value)| {
        let (first, rest) = name.split_at(1);
        (format!("{}{rest}", first.to_uppercase()), value)
    });
    spelled.collect()
}

#[cfg(test)]
mod tests {
    use broker::Configuration;

    use super::*;

    #[test]
    fn the_broker_takes_it_and_it_has_the_properties_that_are_deployed() {
        let declared = Configuration::from_json(&broker_configuration().to_string()).unwrap();
        let names: Vec<_> = declared.queues.iter().map(|queue| queue.name.clone()).collect();
        assert_eq!(names, queue_names());
        let names: Vec<_> = declared.topics.iter().map(|topic| topic.name.clone()).collect();
        assert_eq!(names, topic_names());

        for queue in &declared.queues {
            assert!(queue.requires_duplicate_detection, "{}", queue.name);
            assert_eq!(queue.duplicate_detection_history.as_secs(), 86_400, "{}", queue.name);
        }
    }
}
