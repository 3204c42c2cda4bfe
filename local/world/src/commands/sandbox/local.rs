//! The profile `local`: what programs need that reach the sandbox by names under localhost, without the proxy.
//!
//! The proxy stays in the exports, for everything else: a program that still asks for one of Azure's real names, or for
//! anybody else's, is refused there instead of reaching the internet.

use std::fs;

use anyhow::Context;
use latchkey_cli::write_private;
use sandbox::LocalNames;
use serde_json::{Value, json};

use crate::world::folder::Folder;

/// What goes past the proxy.
const NO_PROXY: &str = "127.0.0.1,localhost,.localhost";

/// glibc by itself does not resolve names under localhost, curl and browsers do. Python runs a file of this name first.
const RESOLVER: &str = r#"# Written by `latchkey sandbox --profile local`: every name under localhost is this machine (RFC 6761).
import socket

_getaddrinfo = socket.getaddrinfo


def getaddrinfo(host, *arguments, **named):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.lower().endswith(".localhost"):
        host = "127.0.0.1"
    return _getaddrinfo(host, *arguments, **named)


socket.getaddrinfo = getaddrinfo
"#;

/// Writes what the exports name, and changes the exports.
pub(super) fn write(
    folder: &Folder,
    names: LocalNames,
    exports: &mut Vec<(&'static str, String)>,
) -> anyhow::Result<()> {
    let (cloud, python) = (folder.path("cloud.json"), folder.path("python"));
    let text = serde_json::to_vec_pretty(&cloud_of(names)).context("could not write down the cloud")?;
    write_private(&cloud, &text).with_context(|| format!("could not write {}", cloud.display()))?;
    fs::create_dir_all(&python)
        .and_then(|()| fs::write(python.join("sitecustomize.py"), RESOLVER))
        .with_context(|| format!("could not write to {}", python.display()))?;
    for (name, value) in exports.iter_mut() {
        match *name {
            "NO_PROXY" | "no_proxy" => NO_PROXY.clone_into(value),
            // az remembers in its folder which cloud it works with.
            "AZURE_CONFIG_DIR" => value.push_str("-local"),
            _ => {}
        }
    }
    exports.extend([
        ("PYTHONPATH", python.display().to_string()),
        // Microsoft's libraries would ask Azure's own Entra whether the authority can be trusted.
        ("AZURE_CORE_INSTANCE_DISCOVERY", "false".to_owned()),
        ("AZURE_AUTHORITY_HOST", names.login_url()),
        ("SANDBOX_CLOUD", cloud.display().to_string()),
        ("SANDBOX_LOGIN_URL", names.login_url()),
        ("SANDBOX_GRAPH_URL", names.graph_url()),
        ("SANDBOX_MANAGEMENT_URL", names.management_url()),
        ("SANDBOX_VAULT_SUFFIX", names.vault_suffix()),
    ]);
    Ok(())
}

/// A cloud as `az cloud register --cloud-config` takes it.
fn cloud_of(names: LocalNames) -> Value {
    let management = names.management_url();
    json!({
        "profile": "latest",
        "endpoints": {
            "activeDirectory": names.login_url(),
            "activeDirectoryResourceId": format!("{management}/"),
            "resourceManager": management,
            "management": format!("{management}/"),
            "microsoftGraphResourceId": format!("{}/", names.graph_url()),
        },
        "suffixes": { "keyvaultDns": names.vault_suffix() },
    })
}

/// Where the services are, for machines.
pub(super) fn document(names: LocalNames) -> Value {
    json!({
        "login": names.login_url(),
        "graph": names.graph_url(),
        "management": names.management_url(),
        "vaultSuffix": names.vault_suffix(),
    })
}

/// The same for people.
pub(super) fn text(names: LocalNames) -> String {
    format!(
        "Without the proxy (--profile local):

  Entra             {login}
  Graph             {graph}
  Resource Manager  {management}
  vaults            https://VAULT{vaults}

  In the environment of env or of exec:
  az cloud register -n sandbox --skip-endpoint-discovery --cloud-config @$SANDBOX_CLOUD
  az cloud set -n sandbox
",
        login = names.login_url(),
        graph = names.graph_url(),
        management = names.management_url(),
        vaults = names.vault_suffix(),
    )
}
