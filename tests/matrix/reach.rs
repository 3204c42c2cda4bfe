//! Whether the story reaches every function of the table, and each calls nothing that its line does not say.

use std::collections::BTreeSet;

use latchkey_functions::{table, table::System};

use crate::{fault::Place, trials::Clean};

/// Panics over what the story or the table lacks.
pub(crate) fn check(clean: &Clean) {
    let seen = || clean.values().map(|told| &told.seen);
    for function in table() {
        let name = function.name;
        assert!(
            seen().any(|seen| seen.most.contains_key(&(name, Place::Run))),
            "no story reaches {name}: add what sets it off to tests/matrix/story"
        );
        let called = seen().filter_map(|seen| seen.called.get(name)).flatten();
        let called: BTreeSet<System> = called.filter_map(|host| system_at(host)).collect();
        let listed: BTreeSet<System> = function.calls.iter().copied().collect();
        // A token is not listed.
        let not_listed: Vec<_> =
            called.difference(&listed).filter(|system| **system != System::Entra).collect();
        assert!(
            not_listed.is_empty(),
            "{name} calls {not_listed:?}, which its line in the table does not say"
        );
    }
}

fn system_at(host: &str) -> Option<System> {
    Some(match host {
        "login.microsoftonline.com" => System::Entra,
        "management.azure.com" => System::ResourceManager,
        "marketplaceapi.microsoft.com" => System::Marketplace,
        // The managed identity's endpoint.
        "127.0.0.1" => return None,
        host if host.ends_with(".vault.azure.net") => System::KeyVault,
        other => panic!("a function called {other}, which is no system of the table"),
    })
}
