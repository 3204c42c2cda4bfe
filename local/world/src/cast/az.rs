//! The commands of the page and of the runbook, as somebody types them: each is done over the API that `az` calls.
//!
//! Only commands that a scenario plays are known, and only the options that the texts use: a text that says something else
//! fails here, instead of being mended in another way than it says. Microsoft's `az` itself plays the page's commands in
//! `tests/judges/azure`.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::Azure;
use super::names::{DISKS_API, KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER, VAULTS_API};
use super::roles::assign_role;

/// The API version that has the list of a resource group.
const RESOURCES_API: &str = "2024-11-01";
/// How often something is looked at until it is deleted.
const LOOKS: u32 = 50;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);
const GRANT: &str = "Key Vault Crypto Service Encryption User";

/// Runs a command with one administrator's hands, in a resource group.
///
/// # Errors
///
/// The command is not one that is known here, or Azure refuses.
pub async fn az(azure: &Azure, group: &str, line: &str) -> anyhow::Result<()> {
    let hands = Hands { azure, group };
    let command = Command::parse(&hands.with_ids(line).await?)?;
    hands.run(&command).await.with_context(|| line.to_owned())
}

struct Hands<'a> {
    azure: &'a Azure,
    group: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
struct Command {
    words: Vec<String>,
    options: BTreeMap<String, Vec<String>>,
}

impl Command {
    fn parse(line: &str) -> anyhow::Result<Self> {
        let mut tokens = tokens(line)?.into_iter();
        ensure!(tokens.next().as_deref() == Some("az"), "not a command of az: {line}");
        let (mut words, mut options) = (vec![], BTreeMap::<String, Vec<String>>::new());
        let mut option: Option<String> = None;
        for token in tokens {
            match (token.strip_prefix("--"), &option) {
                (Some(name), _) => {
                    options.entry(name.to_owned()).or_default();
                    option = Some(name.to_owned());
                }
                (None, Some(name)) => options.entry(name.clone()).or_default().push(token),
                (None, None) => words.push(token),
            }
        }
        Ok(Self { words, options })
    }

    fn one(&self, option: &str) -> anyhow::Result<&str> {
        match self.options.get(option).map(Vec::as_slice) {
            Some([value]) => Ok(value),
            _ => bail!("--{option} has one value"),
        }
    }

    /// `NAME=VALUE`, any number of them.
    fn pairs(&self, option: &str) -> anyhow::Result<BTreeMap<&str, &str>> {
        let values = self.options.get(option).into_iter().flatten();
        values.map(|pair| pair.split_once('=').with_context(|| format!("{pair} is no NAME=VALUE"))).collect()
    }
}

/// As a shell splits a line, as far as the texts need it.
fn tokens(line: &str) -> anyhow::Result<Vec<String>> {
    let (mut tokens, mut token, mut quote) = (vec![], String::new(), None);
    for letter in line.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ', None) => tokens.push(std::mem::take(&mut token)),
            _ => token.push(letter),
        }
    }
    ensure!(quote.is_none(), "a quote is not closed: {line}");
    tokens.push(token);
    tokens.retain(|token| !token.is_empty());
    Ok(tokens)
}

impl Hands<'_> {
    /// `$(az keyvault show --name VAULT --query id --output tsv)` is the vault's id.
    async fn with_ids(&self, line: &str) -> anyhow::Result<String> {
        let Some((before, rest)) = line.split_once("$(az keyvault show --name ") else {
            return Ok(line.to_owned());
        };
        let (vault, after) = rest.split_once(" --query id --output tsv)").context("the end of $(...)")?;
        Ok(format!("{before}{}{after}", self.vault_id(vault).await?))
    }

    async fn vault_id(&self, name: &str) -> anyhow::Result<String> {
        let list = format!("{}/resources", self.azure.resource_group_id(self.group));
        let list = self.azure.arm(Method::GET, &list, RESOURCES_API, None).await?.ok("listing the group")?;
        let mut all = list["value"].as_array().into_iter().flatten();
        let found = all.find(|one| one["name"] == name && one["type"] == "Microsoft.KeyVault/vaults");
        Ok(found.and_then(|one| one["id"].as_str()).context("there is no such vault")?.to_owned())
    }

    async fn run(&self, command: &Command) -> anyhow::Result<()> {
        let words: Vec<&str> = command.words.iter().map(String::as_str).collect();
        match words[..] {
            ["keyvault", "key", "create"] => {
                let body =
                    json!({ "kty": command.one("kty")?, "key_size": command.one("size")?.parse::<u32>()? });
                self.key(Method::POST, command, "/create", &body).await
            }
            ["keyvault", "key", "set-attributes"] => {
                self.key(Method::PATCH, command, "", &attributes(command)?).await
            }
            ["keyvault", "key", "show" | "list"] => Ok(()),
            ["keyvault", "key", "recover"] => {
                let path = format!("/deletedkeys/{}/recover", command.one("name")?);
                let vault = command.one("vault-name")?;
                self.azure.vault(Method::POST, vault, &path, None).await?.ok("recovering the key")?;
                Ok(())
            }
            ["keyvault", "set-policy"] => self.allow(command).await,
            ["keyvault", "network-rule", "add"] => {
                let address = json!({ "value": command.one("ip-address")? });
                self.vault(command, |vault| {
                    let mut all = vault["networkAcls"]["ipRules"].as_array().cloned().unwrap_or_default();
                    all.push(address);
                    vault["networkAcls"]["ipRules"] = all.into();
                })
                .await
            }
            ["keyvault", "update"] => {
                let mut changed = vault_properties(command)?;
                self.vault(command, |vault| {
                    if let Some(rules) = changed.remove("networkAcls") {
                        merge(&mut vault["networkAcls"], rules);
                    }
                    merge(vault, changed.into());
                })
                .await
            }
            ["role", "assignment", "create"] => {
                ensure!(command.one("role")? == GRANT, "the role {}", command.one("role")?);
                let principal: Uuid = command.one("assignee-object-id")?.parse()?;
                let scope = command.one("scope")?;
                assign_role(self.azure, scope, principal, KEY_VAULT_CRYPTO_SERVICE_ENCRYPTION_USER).await
            }
            ["disk", "update"] => self.remove_tag_of_disk(command).await,
            ["snapshot", "list"] => Ok(()),
            ["snapshot", "delete"] => {
                let id = self.compute_id("snapshots", command.one("name")?);
                self.azure.arm(Method::DELETE, &id, DISKS_API, None).await?.ok("deleting the snapshot")?;
                self.is_gone(&id).await
            }
            _ => bail!("this command is not known here"),
        }
    }

    async fn key(&self, method: Method, command: &Command, action: &str, body: &Value) -> anyhow::Result<()> {
        let version = match command.options.contains_key("version") {
            true => format!("/{}", command.one("version")?),
            false => String::new(),
        };
        let path = format!("/keys/{}{version}{action}", command.one("name")?);
        self.azure
            .vault(method, command.one("vault-name")?, &path, Some(body))
            .await?
            .ok("changing the key")?;
        Ok(())
    }

    /// As `az` does, waits until what was deleted is not there any more.
    async fn is_gone(&self, id: &str) -> anyhow::Result<()> {
        for _ in 0..LOOKS {
            let read = self.azure.arm(Method::GET, id, DISKS_API, None).await?;
            if read.status == StatusCode::NOT_FOUND {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{id} is still there")
    }

    /// Changes the network rules of a vault, and what else the change names.
    async fn vault(&self, command: &Command, change: impl FnOnce(&mut Value)) -> anyhow::Result<()> {
        let id = self.vault_id(command.one("name")?).await?;
        let vault = self.azure.arm(Method::GET, &id, VAULTS_API, None).await?.ok("reading the vault")?;
        let mut properties = json!({ "networkAcls": vault["properties"]["networkAcls"] });
        change(&mut properties);
        let body = json!({ "properties": properties });
        self.azure.arm(Method::PATCH, &id, VAULTS_API, Some(&body)).await?.ok("changing the vault")?;
        Ok(())
    }

    /// Adds an access policy.
    async fn allow(&self, command: &Command) -> anyhow::Result<()> {
        let id = format!("{}/accessPolicies/add", self.vault_id(command.one("name")?).await?);
        let keys = command.options.get("key-permissions").context("--key-permissions")?;
        let policy = json!({
            "tenantId": self.azure.tenant_id,
            "objectId": command.one("object-id")?,
            "permissions": { "keys": keys },
        });
        let body = json!({ "properties": { "accessPolicies": [policy] } });
        self.azure.arm(Method::PUT, &id, VAULTS_API, Some(&body)).await?.ok("adding the access policy")?;
        Ok(())
    }

    async fn remove_tag_of_disk(&self, command: &Command) -> anyhow::Result<()> {
        let id = self.compute_id("disks", command.one("name")?);
        let tag = command.one("remove")?.strip_prefix("tags.").context("only tags are removed")?;
        let disk = self.azure.arm(Method::GET, &id, DISKS_API, None).await?.ok("reading the disk")?;
        let mut tags: Map<String, Value> = disk["tags"].as_object().cloned().unwrap_or_default();
        tags.remove(tag).with_context(|| format!("the disk has no tag {tag}"))?;
        let body = json!({ "tags": tags });
        self.azure.arm(Method::PATCH, &id, DISKS_API, Some(&body)).await?.ok("changing the disk's tags")?;
        Ok(())
    }

    fn compute_id(&self, kind: &str, name: &str) -> String {
        format!("{}/providers/Microsoft.Compute/{kind}/{name}", self.azure.resource_group_id(self.group))
    }
}

/// What `az keyvault update` writes.
fn vault_properties(command: &Command) -> anyhow::Result<Map<String, Value>> {
    let (mut properties, mut rules) = (Map::new(), Map::new());
    for option in command.options.keys() {
        let (into, name) = match option.as_str() {
            "name" => continue,
            "public-network-access" => (&mut properties, "publicNetworkAccess"),
            "default-action" => (&mut rules, "defaultAction"),
            "bypass" => (&mut rules, "bypass"),
            other => bail!("--{other} is not known here"),
        };
        into.insert(name.to_owned(), json!(command.one(option)?));
    }
    if !rules.is_empty() {
        properties.insert("networkAcls".to_owned(), rules.into());
    }
    Ok(properties)
}

/// Sets each of these, and leaves the others.
fn merge(into: &mut Value, changed: Value) {
    match (into, changed) {
        (Value::Object(into), Value::Object(changed)) => into.extend(changed),
        (into, changed) => *into = changed,
    }
}

/// What `az keyvault key set-attributes` writes: tags replace all tags of the version.
fn attributes(command: &Command) -> anyhow::Result<Value> {
    let mut body = Map::new();
    let mut attributes = Map::new();
    let seconds = |text: &str| OffsetDateTime::parse(text, &Rfc3339).map(OffsetDateTime::unix_timestamp);
    for option in command.options.keys() {
        match option.as_str() {
            "vault-name" | "name" | "version" => {}
            "enabled" => {
                attributes.insert("enabled".to_owned(), json!(command.one("enabled")?.parse::<bool>()?));
            }
            "expires" => {
                attributes.insert("exp".to_owned(), json!(seconds(command.one("expires")?)?));
            }
            "not-before" => {
                attributes.insert("nbf".to_owned(), json!(seconds(command.one("not-before")?)?));
            }
            "ops" => {
                body.insert("key_ops".to_owned(), json!(command.options["ops"]));
            }
            "tags" => {
                body.insert("tags".to_owned(), json!(command.pairs("tags")?));
            }
            other => bail!("--{other} is not known here"),
        }
    }
    if !attributes.is_empty() {
        body.insert("attributes".to_owned(), attributes.into());
    }
    Ok(body.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_split_as_a_shell_splits_it() {
        let read =
            Command::parse("az role assignment create --role \"Key Vault User\" --scope /a/b").unwrap();
        assert_eq!(read.words, ["role", "assignment", "create"]);
        assert_eq!((read.one("role").unwrap(), read.one("scope").unwrap()), ("Key Vault User", "/a/b"));
        let tags = Command::parse("az keyvault key set-attributes --tags a=1 'b=two words'").unwrap();
        assert_eq!(tags.pairs("tags").unwrap(), BTreeMap::from([("a", "1"), ("b", "two words")]));
        assert!(Command::parse("rm -r /").is_err() && Command::parse("az vm 'start").is_err());
    }

    #[test]
    fn what_is_written_of_a_key_is_what_the_options_say() {
        let read = |line| attributes(&Command::parse(line).unwrap());
        let body =
            read("az keyvault key set-attributes --name k --enabled true --ops wrapKey unwrapKey --tags a=1");
        let expected = json!({
            "attributes": { "enabled": true }, "key_ops": ["wrapKey", "unwrapKey"], "tags": { "a": "1" },
        });
        assert_eq!(body.unwrap(), expected);
        assert!(read("az keyvault key set-attributes --expires DATE").is_err(), "a date is a date");
        assert!(read("az keyvault key set-attributes --exportable true").is_err());
    }

    #[test]
    fn what_is_written_of_a_vault_is_what_the_options_say() {
        let read = |line| vault_properties(&Command::parse(line).unwrap());
        let body = read("az keyvault update --name v --public-network-access Enabled --default-action Deny");
        let expected =
            json!({ "publicNetworkAccess": "Enabled", "networkAcls": { "defaultAction": "Deny" } });
        assert_eq!(Value::from(body.unwrap()), expected);
        assert!(read("az keyvault update --name v --enable-purge-protection true").is_err());
    }
}
