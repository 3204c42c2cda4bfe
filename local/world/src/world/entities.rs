//! The queues and topics of the function app, as `infra/` deploys them: with its properties, in the format of the
//! `Config.json` of Microsoft's emulator, which `latchkey broker` takes.

use latchkey_functions::package::{queue_names, topic_names};
use serde_json::{Value, json};

/// The subscription of the vendor's own systems to each topic.
pub(super) const VENDOR: &str = "vendor";

/// A file that declares them all.
#[must_use]
pub fn broker_configuration() -> Value {
    let queue = |name: &String| {
        json!({ "Name": name, "Properties": {
            "RequiresDuplicateDetection": true,
            "DuplicateDetectionHistoryTimeWindow": "P1D",
            "LockDuration": "PT1M",
            "MaxDeliveryCount": 10,
            "DefaultMessageTimeToLive": "P14D",
            "DeadLetteringOnMessageExpiration": true,
        }})
    };
    let topic = |name: &String| {
        json!({
            "Name": name,
            "Properties": {
                "RequiresDuplicateDetection": true,
                "DuplicateDetectionHistoryTimeWindow": "P1D",
                "DefaultMessageTimeToLive": "P14D",
            },
            "Subscriptions": [{ "Name": VENDOR }],
        })
    };
    json!({ "UserConfig": { "Namespaces": [{
        "Name": "sb-latchkey",
        "Queues": queue_names().iter().map(queue).collect::<Vec<_>>(),
        "Topics": topic_names().iter().map(topic).collect::<Vec<_>>(),
    }]}})
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

        let bicep = include_str!("../../../../infra/modules/service-bus.bicep");
        for namespace in broker_configuration()["UserConfig"]["Namespaces"].as_array().unwrap() {
            let queues = namespace["Queues"].as_array().unwrap().iter();
            for entity in queues.chain(namespace["Topics"].as_array().unwrap()) {
                for (name, value) in entity["Properties"].as_object().unwrap() {
                    let (first, rest) = name.split_at(1);
                    let line = format!("{}{rest}: {}", first.to_lowercase(), value).replace('"', "'");
                    assert!(bicep.contains(&line), "infra/ does not deploy {line}");
                }
            }
        }
    }
}
