//! What an address names.

use std::borrow::Cow;

use crate::store::EntityName;

/// A place to which a link can be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A queue or its dead letters.
    Entity(EntityName),
    /// Requests about an entity.
    Management(EntityName),
    /// Where tokens are put: claims-based security.
    Cbs,
    /// Where transactions would begin. No address names it.
    Coordinator,
}

impl Node {
    /// Reads an address: a path, or a whole URL, since SDKs write either. Case does not matter.
    pub(crate) fn from_address(address: &str) -> Self {
        let path = path_of(address);
        if path == "$cbs" {
            return Self::Cbs;
        }
        match path.strip_suffix("/$management") {
            Some(entity) => Self::Management(EntityName::new(entity)),
            None => Self::Entity(EntityName::new(&path)),
        }
    }

    pub(crate) fn entity(&self) -> Option<&EntityName> {
        match self {
            Self::Entity(name) | Self::Management(name) => Some(name),
            Self::Cbs | Self::Coordinator => None,
        }
    }
}

impl Node {
    /// The path by which claims cover the node. None where everybody may attach.
    pub(crate) fn claimed_path(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Entity(name) => Some(name.as_str().into()),
            // The JavaScript SDK puts a claim for exactly this before it manages rules.
            Self::Management(name) => Some(format!("{name}/$management").into()),
            Self::Cbs | Self::Coordinator => None,
        }
    }
}

/// The path of an address or audience, in lower case, without scheme, host, and slashes around it.
pub(crate) fn path_of(address: &str) -> String {
    let path = match address.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => address,
    };
    path.trim_matches('/').to_lowercase()
}

/// Whether a path is another one or lies above it.
pub(crate) fn covers(above: &str, path: &str) -> bool {
    above.is_empty()
        || path.strip_prefix(above).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &Node) {
        assert_eq!(&Node::from_address(address), expected, "{address}");
    }

    #[test]
    fn addresses_are_read_as_the_sdks_write_them() {
        let queue = EntityName::new("q1");
        check("q1", &Node::Entity(queue.clone()));
        check("Q1", &Node::Entity(queue.clone()));
        check("/q1", &Node::Entity(queue.clone()));
        check("amqps://127.0.0.1:5672/q1", &Node::Entity(queue.clone()));
        check("amqp://host/q1/", &Node::Entity(queue.clone()));
        check("q1/$DeadLetterQueue", &Node::Entity(queue.dead_letters()));
        check("q1/$management", &Node::Management(queue.clone()));
        check("amqps://h/q1/$deadletterqueue/$management", &Node::Management(queue.dead_letters()));
        check("$cbs", &Node::Cbs);
        check("amqps://h:1/$cbs", &Node::Cbs);
        check("team/q1", &Node::Entity(EntityName::new("team/q1")));
    }

    #[test]
    fn a_path_covers_what_lies_below_and_nothing_beside() {
        assert!(covers("", "orders"));
        assert!(covers("orders", "orders"));
        assert!(covers("orders", "orders/$deadletterqueue"));
        assert!(!covers("orders", "orders2"));
        assert!(!covers("orders/$deadletterqueue", "orders"));
    }
}
