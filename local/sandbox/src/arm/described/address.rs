//! What a path asks for: one resource, all of a type, or something that is done with one.

use crate::resources::described::{DescribedType, Place};

/// A path that leads to one of the described types.
pub(super) struct Address {
    pub(super) known: &'static DescribedType,
    /// The resource's id; for a list, the scope of it.
    pub(super) id: String,
    pub(super) reached: Reached,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reached {
    One,
    All,
    /// `POST {id}/{operation}`, in lower case.
    Operation(String),
}

impl Address {
    pub(super) fn of(segments: &[String]) -> Option<Self> {
        // A slash that came encoded would make another resource of it.
        if segments.iter().any(|segment| segment.contains('/')) {
            return None;
        }
        let at = segments.iter().rposition(|segment| segment.eq_ignore_ascii_case("providers"))?;
        let (scope, path) = (&segments[..at], &segments[at + 1..]);
        let (namespace, path) = path.split_first()?;
        let known = |kinds: usize| {
            let kinds: Vec<&str> = path.iter().step_by(2).take(kinds).map(String::as_str).collect();
            DescribedType::named(&format!("{namespace}/{}", kinds.join("/")))
        };
        let id = |known: &DescribedType, names: usize| {
            let mut id = format!("/{}", scope.join("/"));
            let mut spelled = known.name.split('/');
            id.push_str(&format!("/providers/{}", spelled.next().unwrap_or_default()));
            for (kind, name) in spelled.zip(path.iter().skip(1).step_by(2).take(names)) {
                id.push_str(&format!("/{kind}/{name}"));
            }
            id
        };
        let found = if path.len().is_multiple_of(2) {
            let known = known(path.len() / 2)?;
            Self { known, id: id(known, path.len() / 2), reached: Reached::One }
        } else if let Some(known) = known(path.len().div_ceil(2)) {
            let names = path.len() / 2;
            let scope = if names == 0 { format!("/{}", scope.join("/")) } else { id(known, names) };
            Self { known, id: scope, reached: Reached::All }
        } else {
            let known = known(path.len() / 2)?;
            let operation = path.last()?.to_ascii_lowercase();
            Self { known, id: id(known, path.len() / 2), reached: Reached::Operation(operation) }
        };
        let in_a_group = scope.len() == 4 && scope[2].eq_ignore_ascii_case("resourceGroups");
        let in_a_subscription = scope.len() == 2;
        let fits = match (found.known.place, &found.reached) {
            (Place::AnyResource, _) => scope.len() > 4,
            (_, Reached::All) => in_a_group || in_a_subscription,
            _ => in_a_group,
        };
        fits.then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<(String, String, Reached)> {
        // The sign for a slash that came encoded.
        let segments = path.split('/').skip(1).map(|segment| segment.replace('\u{1}', "/"));
        let segments: Vec<String> = segments.collect();
        Address::of(&segments).map(|found| (found.known.name.clone(), found.id, found.reached))
    }

    #[test]
    fn paths_lead_to_one_to_all_or_to_what_is_done_with_one() {
        let group = "/subscriptions/s/resourceGroups/g";
        let bus = format!("{group}/providers/Microsoft.ServiceBus/namespaces");
        let queues = "Microsoft.ServiceBus/namespaces/queues".to_owned();
        let settings = "Microsoft.Diagnostics".replace("Diagnostics", "Insights/diagnosticSettings");
        let config = format!("{group}/providers/Microsoft.Web/sites/a/config/appsettings");
        let table = [
            (
                format!("{bus}/b"),
                Some(("Microsoft.ServiceBus/namespaces".to_owned(), format!("{bus}/b"), Reached::One)),
            ),
            (
                bus.clone(),
                Some(("Microsoft.ServiceBus/namespaces".to_owned(), group.to_owned(), Reached::All)),
            ),
            (
                bus.to_lowercase().replace("/s/resourcegroups/g", "/s"),
                Some((
                    "Microsoft.ServiceBus/namespaces".to_owned(),
                    "/subscriptions/s".to_owned(),
                    Reached::All,
                )),
            ),
            (format!("{bus}/b/QUEUES"), Some((queues.clone(), format!("{bus}/b"), Reached::All))),
            (format!("{bus}/b/queues/q"), Some((queues, format!("{bus}/b/queues/q"), Reached::One))),
            (
                format!("{config}/List"),
                Some((
                    "Microsoft.Web/sites/config".to_owned(),
                    config.clone(),
                    Reached::Operation("list".into()),
                )),
            ),
            (
                format!("{bus}/b/providers/microsoft.insights/diagnosticSettings/d"),
                Some((
                    settings,
                    format!("{bus}/b/providers/Microsoft.Insights/diagnosticSettings/d"),
                    Reached::One,
                )),
            ),
            (format!("{bus}/b/unknown/u"), None),
            (format!("{bus}/b%2Fqueues%2Fq").replace("%2F", "\u{1}"), None),
            (format!("{group}/providers/Microsoft.Insights/diagnosticSettings/d"), None),
            (format!("{group}/providers/Microsoft.Compute/disks/d"), None),
            ("/subscriptions/s/providers/Microsoft.ServiceBus/namespaces/b".to_owned(), None),
            ("/subscriptions/s".to_owned(), None),
        ];
        for (path, expected) in table {
            assert_eq!(of(&path), expected, "{path}");
        }
    }
}
