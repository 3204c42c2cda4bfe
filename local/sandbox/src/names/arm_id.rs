//! ARM ids: kept in the spelling they came in, compared without case.
//!
//! Resource ids are case-insensitive (Microsoft Learn, "Resource provider request design"), and the services do
//! answer with other spellings than they were given, so nothing here compares two ids byte by byte.

/// The key under which a resource is kept: its id in lower case.
pub(crate) fn key(id: &str) -> String {
    id.trim_end_matches('/').to_ascii_lowercase()
}

/// Whether two ids name the same resource.
pub(crate) fn same(left: &str, right: &str) -> bool {
    key(left) == key(right)
}

/// Whether `scope` is `id` or something that contains it. The root scope contains everything.
pub(crate) fn covers(scope: &str, id: &str) -> bool {
    let (scope, id) = (key(scope), key(id));
    scope.is_empty() || id == scope || id.strip_prefix(&scope).is_some_and(|rest| rest.starts_with('/'))
}

/// An id without its last parts.
pub(crate) fn without(id: &str, parts: usize) -> &str {
    id.rsplitn(parts + 1, '/').last().unwrap_or_default()
}

/// The id of a resource inside a group.
pub(crate) fn resource_id(subscription: &str, group: &str, resource_type: &str, name: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{resource_type}/{name}")
}

/// The id of a resource inside a group, whose type and name have as many parts as it stands deep: `a/b/c` and `x/y`.
pub(crate) fn nested_id(subscription: &str, group: &str, resource_type: &str, name: &str) -> String {
    let mut kinds = resource_type.split('/');
    let provider = kinds.next().unwrap_or_default();
    let below: String = kinds.zip(name.split('/')).map(|(kind, name)| format!("/{kind}/{name}")).collect();
    format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}{below}")
}

/// The parts of a resource's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceId {
    pub(crate) subscription: String,
    pub(crate) group: String,
    /// Provider and type in lower case, such as `microsoft.compute/disks`.
    pub(crate) resource_type: String,
    pub(crate) name: String,
}

impl ResourceId {
    /// Takes an id of one resource in a group apart; a child resource or a scope above is none.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let parts: Vec<&str> = id.trim_end_matches('/').split('/').collect();
        let ["", subscriptions, subscription, groups, group, providers, provider, kind, name] = parts[..]
        else {
            return None;
        };
        let fixed = [(subscriptions, "subscriptions"), (groups, "resourcegroups"), (providers, "providers")];
        if fixed.iter().any(|(found, wanted)| !found.eq_ignore_ascii_case(wanted)) {
            return None;
        }
        if [subscription, group, name].iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(Self {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            resource_type: format!("{provider}/{kind}").to_ascii_lowercase(),
            name: name.to_owned(),
        })
    }
}

/// The id with the name of its resource group in capitals, as the disk service returns it.
pub(crate) fn with_group_in_capitals(id: &str) -> String {
    let mut parts: Vec<String> = id.split('/').map(str::to_owned).collect();
    if let Some(group) = parts.get_mut(4) {
        *group = group.to_ascii_uppercase();
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_covers_itself_and_what_is_below_and_not_a_longer_name() {
        let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv";
        let table = [
            ("/", true),
            ("/subscriptions/S", true),
            ("/subscriptions/s/resourcegroups/G", true),
            (vault, true),
            ("/subscriptions/s/resourceGroups/g2", false),
            ("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/k", false),
            ("/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv/keys/disks", false),
        ];
        for (scope, expected) in table {
            assert_eq!(covers(scope, vault), expected, "{scope}");
        }
    }

    #[test]
    fn an_id_is_taken_apart_whatever_its_case() {
        let parsed =
            ResourceId::parse("/SUBSCRIPTIONS/s/resourcegroups/Rg/Providers/microsoft.COMPUTE/Disks/d/")
                .unwrap();
        assert_eq!(
            (parsed.group.as_str(), parsed.resource_type.as_str(), parsed.name.as_str()),
            ("Rg", "microsoft.compute/disks", "d")
        );
        for bad in [
            "",
            "/subscriptions/s",
            "/subscriptions/s/resourceGroups/g/providers/a/b/c/d/e",
            "/x/s/resourceGroups/g/providers/a/b/c",
            "/subscriptions//resourceGroups/g/providers/a/b/c",
        ] {
            assert_eq!(ResourceId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_disk_service_shouts_the_group() {
        assert_eq!(
            with_group_in_capitals(
                "/subscriptions/s/resourceGroups/my-rg/providers/Microsoft.Compute/diskEncryptionSets/des"
            ),
            "/subscriptions/s/resourceGroups/MY-RG/providers/Microsoft.Compute/diskEncryptionSets/des"
        );
    }
}
