//! Whether what is declared can be.

use std::collections::{BTreeMap, BTreeSet};

use crate::options::Options;
use crate::start_error::StartError;
use crate::store::EntityName;

/// Checks names, and where messages are forwarded to.
///
/// # Errors
/// What cannot be, by the path of the entity.
pub(crate) fn check(options: &Options) -> Result<(), StartError> {
    let mut sendable = BTreeSet::new();
    let queues = options.queues.iter().map(|queue| &queue.name);
    for path in queues.chain(options.topics.iter().map(|topic| &topic.name)) {
        let name = check_name(path)?;
        if name.as_str().contains("/subscriptions/") || !sendable.insert(name) {
            return Err(StartError::Name(path.clone()));
        }
    }
    for topic in &options.topics {
        let mut names = BTreeSet::new();
        for subscription in &topic.subscriptions {
            let path = format!("{}/Subscriptions/{}", topic.name, subscription.name);
            let name = check_name(&subscription.name).map_err(|_| StartError::Name(path.clone()))?;
            let mut rules = BTreeSet::new();
            let rules_differ = subscription.rules.iter().all(|rule| rules.insert(&rule.name));
            if name.as_str().contains('/') || !names.insert(name) || !rules_differ {
                return Err(StartError::Name(path));
            }
        }
    }
    check_sessions(options)?;
    check_forwards(options, &sendable)
}

/// Microsoft Learn, "Chaining Service Bus entities with autoforwarding": it is not supported for session-enabled ones.
fn check_sessions(options: &Options) -> Result<(), StartError> {
    let forwards = |forward_to: &Option<String>, sessions: bool| sessions && forward_to.is_some();
    for queue in &options.queues {
        if forwards(&queue.forward_to, queue.requires_session) {
            return Err(StartError::SessionsForwarded(queue.name.clone()));
        }
    }
    for topic in &options.topics {
        for subscription in &topic.subscriptions {
            if forwards(&subscription.forward_to, subscription.requires_session) {
                let path = format!("{}/Subscriptions/{}", topic.name, subscription.name);
                return Err(StartError::SessionsForwarded(path));
            }
        }
    }
    Ok(())
}

fn check_name(path: &str) -> Result<EntityName, StartError> {
    let name = EntityName::new(path);
    if name.as_str().is_empty() || name.as_str().contains('$') {
        return Err(StartError::Name(path.to_owned()));
    }
    Ok(name)
}

fn check_forwards(options: &Options, sendable: &BTreeSet<EntityName>) -> Result<(), StartError> {
    let mut forwards = BTreeMap::new();
    for queue in &options.queues {
        let targets = [&queue.forward_to, &queue.forward_dead_lettered_messages_to];
        forwards.insert(queue.name.clone(), targets);
    }
    for topic in &options.topics {
        for subscription in &topic.subscriptions {
            let targets = [&subscription.forward_to, &subscription.forward_dead_lettered_messages_to];
            forwards.insert(format!("{}/Subscriptions/{}", topic.name, subscription.name), targets);
        }
    }
    for (entity, targets) in forwards {
        for target in targets.into_iter().flatten() {
            let name = EntityName::new(target);
            if name == EntityName::new(&entity) || !sendable.contains(&name) {
                return Err(StartError::ForwardTarget { entity, target: target.clone() });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::{QueueOptions, SubscriptionOptions, TopicOptions};

    fn forwarding(to: &str) -> Options {
        let forward_to = Some(to.to_owned());
        let queues = vec![QueueOptions { forward_to, ..QueueOptions::new("a") }, QueueOptions::new("b")];
        Options { queues, ..Options::default() }
    }

    #[test]
    fn messages_are_forwarded_to_another_queue_or_topic_that_is_declared() {
        assert!(check(&forwarding("B")).is_ok());
        for target in ["a", "A", "nowhere", "b/$deadletterqueue", ""] {
            assert!(matches!(check(&forwarding(target)), Err(StartError::ForwardTarget { .. })), "{target}");
        }
    }

    #[test]
    fn a_name_is_one_entitys() {
        let topic = |name: &str, subscriptions: &[&str]| TopicOptions {
            subscriptions: subscriptions.iter().copied().map(SubscriptionOptions::new).collect(),
            ..TopicOptions::new(name)
        };
        let with = |topic| Options {
            queues: vec![QueueOptions::new("orders")],
            topics: vec![topic],
            ..Options::default()
        };
        assert!(check(&with(topic("events", &["one", "two"]))).is_ok());
        for bad in [
            topic("Orders", &[]),
            topic("events", &["one", "ONE"]),
            topic("events", &[""]),
            topic("events", &["a/b"]),
            topic("events/subscriptions/a", &[]),
        ] {
            assert!(matches!(check(&with(bad.clone())), Err(StartError::Name(_))), "{bad:?}");
        }
    }
}
