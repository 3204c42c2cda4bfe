//! What `az` deployed from `infra/` to a running sandbox, as the parts on this machine need it: the site's own settings, with
//! the addresses of this machine in place of Azure's.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use latchkey_cli::setup::Identity;
use reqwest::Method;
use serde_json::{Value, json};

use super::ready::{Ready, attach};
use crate::args::PrepareArgs;
use crate::cast::{Azure, Estate, Vendor};
use crate::story::Story;
use crate::world::as_deployed;
use crate::world::{Around, RunningSandbox};

const WEB: &str = "2024-11-01";
const BUS: &str = "2024-01-01";
const IDENTITIES: &str = "2024-11-30";
/// What a setting begins with whose value is a secret of a vault.
const REFERENCE: &str = "@Microsoft.KeyVault(SecretUri=";
/// What leads somewhere else here than in Azure.
const ADDRESSES: [&str; 3] =
    ["ServiceBus__fullyQualifiedNamespace", "AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ENDPOINT"];

/// Finds the deployment in the group.
pub(super) async fn found(
    args: &PrepareArgs,
    sandbox: &RunningSandbox,
    group: &str,
) -> anyhow::Result<Ready> {
    let azure = sandbox.vendor()?;
    let group = azure.resource_group_id(group);
    let site = only(&azure, &group, "Microsoft.Web/sites", WEB).await?;
    let list = format!("{site}/config/appsettings/list");
    let listed = azure.arm(Method::POST, &list, WEB, None).await?.ok("reading the site's settings")?;
    let mut settings: BTreeMap<String, String> = serde_json::from_value(listed["properties"].clone())?;
    let url = setting(&settings, "LATCHKEY_PUBLIC_URL")?;
    ensure!(
        url.trim_end_matches('/') == args.url.as_str().trim_end_matches('/'),
        "the deployment has the address {url}, which leads nowhere here: deploy it with LATCHKEY_CUSTOM_URL={}",
        args.url.as_str().trim_end_matches('/')
    );
    let bus = only(&azure, &group, "Microsoft.ServiceBus/namespaces", BUS).await?;
    let estate = estate(&azure, &settings).await?;
    attach(sandbox, &estate.identity.id).await?;
    let around = sandbox.around()?;
    resolve(&azure, &around, &estate.identity, &mut settings).await?;
    let local = as_deployed::settings(&args.service_bus.to_string(), &args.blobs, &estate)?;
    let local = local.into_iter().filter(|(name, _)| ADDRESSES.contains(name));
    settings.extend(local.chain(around.leads()).map(|(name, value)| (name.to_owned(), value)));
    publish(&azure, &site).await?;
    Ok(Ready { vendor: Vendor::of(azure, estate, Story::silent()), bus, settings })
}

/// The one resource of this type in the group.
async fn only(azure: &Azure, group: &str, kind: &str, version: &str) -> anyhow::Result<String> {
    let list = format!("{group}/providers/{kind}");
    let listed = azure.arm(Method::GET, &list, version, None).await?.ok("looking at what was deployed")?;
    let found = listed["value"].as_array().map(Vec::as_slice).unwrap_or_default();
    ensure!(found.len() == 1, "{group} has {} of {kind}, and infra/ makes one", found.len());
    found[0]["id"].as_str().map(str::to_owned).context("a resource without an id")
}

fn setting<'s>(settings: &'s BTreeMap<String, String>, name: &str) -> anyhow::Result<&'s str> {
    settings.get(name).map(String::as_str).with_context(|| format!("the site has no setting {name}"))
}

async fn estate(azure: &Azure, settings: &BTreeMap<String, String>) -> anyhow::Result<Estate> {
    let id = setting(settings, "LATCHKEY_MANAGED_IDENTITY_ID")?;
    let shown = azure.arm(Method::GET, id, IDENTITIES, None).await?.ok("reading the managed identity")?;
    let guid = |name: &str| {
        let value =
            shown["properties"][name].as_str().with_context(|| format!("the identity has no {name}"))?;
        value.parse().with_context(|| format!("the identity's {name}"))
    };
    let identity =
        Identity { id: id.to_owned(), client_id: guid("clientId")?, principal_id: guid("principalId")? };
    let application = setting(settings, "LATCHKEY_APPLICATION_ID")?;
    Ok(Estate {
        application_id: application.parse().context("the setting LATCHKEY_APPLICATION_ID")?,
        resource_group: setting(settings, "LATCHKEY_RESOURCE_GROUP")?.to_owned(),
        region: setting(settings, "LATCHKEY_REGION")?.to_owned(),
        identity,
        evidence_key: setting(settings, "LATCHKEY_EVIDENCE_KEY")?.to_owned(),
    })
}

/// As the platform does: with the identity of the site, so that a missing role shows.
async fn resolve(
    azure: &Azure,
    around: &Around,
    identity: &Identity,
    settings: &mut BTreeMap<String, String>,
) -> anyhow::Result<()> {
    for (name, value) in settings {
        let Some(uri) = value.strip_prefix(REFERENCE).and_then(|rest| rest.strip_suffix(')')) else {
            continue;
        };
        let token = identity_token(azure, around, identity).await?;
        let answer = azure.client().get(format!("{uri}?api-version=7.5")).bearer_auth(token).send().await?;
        let status = answer.status();
        let secret: Value = answer.json().await?;
        ensure!(status.is_success(), "the setting {name} refers to {uri}, which answers {status}: {secret}");
        *value = secret["value"].as_str().context("a secret without a value")?.to_owned();
    }
    Ok(())
}

async fn identity_token(azure: &Azure, around: &Around, identity: &Identity) -> anyhow::Result<String> {
    let client_id = identity.client_id.to_string();
    let asked =
        [("resource", "https://vault.azure.net"), ("api-version", "2019-08-01"), ("client_id", &client_id)];
    let endpoint = url::Url::parse_with_params(&around.identity_endpoint, asked)?;
    let request = azure.client().get(endpoint).header("x-identity-header", &around.identity_header);
    let answer: Value = request.send().await?.error_for_status()?.json().await?;
    answer["access_token"].as_str().map(str::to_owned).context("the identity endpoint gave no token")
}

/// What comes of uploading the package, which the sandbox has no address for: the site has its functions.
async fn publish(azure: &Azure, site: &str) -> anyhow::Result<()> {
    for function in latchkey_functions::table() {
        let id = format!("{site}/functions/{}", function.name);
        let body = json!({ "properties": {} });
        azure.arm(Method::PUT, &id, WEB, Some(&body)).await?.ok("writing the site's functions")?;
    }
    Ok(())
}
