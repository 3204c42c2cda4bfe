//! Who may use the keys of a vault: first the firewall, then roles or, in older vaults, access policies.
//!
//! Words: Microsoft Learn, "Azure Key Vault REST API error codes", and refusals quoted in public issues.

use time::OffsetDateTime;
use uuid::Uuid;

use crate::authorization::allowed;
use crate::roles::Action;
use crate::state::State;
use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::local_roles::{self, LocalAssignment};
use crate::state::resources::vault::Vault;
use crate::tokens::Caller;

/// What the data plane of this sandbox can be asked to do with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyAction {
    Create,
    Import,
    Get,
    List,
    Update,
    Rotate,
    Wrap,
    Unwrap,
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    Delete,
    Recover,
    Purge,
    GetRotationPolicy,
    SetRotationPolicy,
}

/// From where a request comes, which is what a firewall looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Somebody on this machine.
    Loopback,
    /// A service of Azure's own that the bypass lets in; here, the disk service.
    TrustedService,
}

impl KeyAction {
    /// The data action that a role must hold.
    fn data_action(self) -> &'static str {
        match self {
            Self::Create => "Microsoft.KeyVault/vaults/keys/create/action",
            Self::Import => "Microsoft.KeyVault/vaults/keys/import/action",
            Self::Get | Self::List => "Microsoft.KeyVault/vaults/keys/read",
            Self::Update => "Microsoft.KeyVault/vaults/keys/update/action",
            Self::Rotate => "Microsoft.KeyVault/vaults/keys/rotate/action",
            Self::Wrap => "Microsoft.KeyVault/vaults/keys/wrap/action",
            Self::Unwrap => "Microsoft.KeyVault/vaults/keys/unwrap/action",
            Self::Encrypt => "Microsoft.KeyVault/vaults/keys/encrypt/action",
            Self::Decrypt => "Microsoft.KeyVault/vaults/keys/decrypt/action",
            Self::Sign => "Microsoft.KeyVault/vaults/keys/sign/action",
            Self::Verify => "Microsoft.KeyVault/vaults/keys/verify/action",
            Self::Delete => "Microsoft.KeyVault/vaults/keys/delete",
            Self::Recover => "Microsoft.KeyVault/vaults/keys/recover/action",
            Self::Purge => "Microsoft.KeyVault/vaults/keys/purge/action",
            Self::GetRotationPolicy => "Microsoft.KeyVault/vaults/keyrotationpolicies/read",
            Self::SetRotationPolicy => "Microsoft.KeyVault/vaults/keyrotationpolicies/write",
        }
    }

    /// The action that a local role of an HSM must hold. Our guess: those of rotation, which no recording has.
    fn local_action(self) -> &'static str {
        match self {
            Self::Create => "keys/create",
            Self::Import => "keys/import/action",
            Self::Get | Self::List => "keys/read/action",
            Self::Update => "keys/write/action",
            Self::Rotate => "keys/rotate/action",
            Self::Wrap => "keys/wrap/action",
            Self::Unwrap => "keys/unwrap/action",
            Self::Encrypt => "keys/encrypt/action",
            Self::Decrypt => "keys/decrypt/action",
            Self::Sign => "keys/sign/action",
            Self::Verify => "keys/verify/action",
            Self::Delete => "keys/delete",
            Self::Recover => "keys/deletedKeys/recover/action",
            Self::Purge => "keys/deletedKeys/delete",
            Self::GetRotationPolicy => "keys/rotationpolicies/read",
            Self::SetRotationPolicy => "keys/rotationpolicies/write",
        }
    }

    /// The permission that an access policy must hold; it is also the word in the refusal.
    fn permission(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Import => "import",
            Self::Get => "get",
            Self::List => "list",
            Self::Update => "update",
            Self::Rotate => "rotate",
            Self::Wrap => "wrapKey",
            Self::Unwrap => "unwrapKey",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Delete => "delete",
            Self::Recover => "recover",
            Self::Purge => "purge",
            Self::GetRotationPolicy => "getrotationpolicy",
            Self::SetRotationPolicy => "setrotationpolicy",
        }
    }
}

/// Refuses a caller that may not do this. `key` is absent when the list of keys is asked for.
pub(crate) fn check(
    state: &State,
    vault: &Vault,
    caller: &Caller,
    origin: Origin,
    (action, key): (KeyAction, Option<&str>),
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    check_network(vault, caller, origin)?;
    if let Some(held) = &vault.local_roles {
        let scope = key.map_or_else(|| "/keys".to_owned(), |key| format!("/keys/{key}"));
        return check_local(held, caller, action.local_action(), &scope);
    }
    if vault.uses_roles {
        let resource = key.map_or_else(|| vault.id.clone(), |key| format!("{}/keys/{key}", vault.id));
        return check_roles(state, vault, caller, (action.data_action(), &resource), now);
    }
    check_policies(vault, caller, ("keys", action.permission()))
}

/// What is done with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretAction {
    Get,
    Set,
}

/// Refuses a caller that may not do this with a secret.
pub(super) fn check_secret(
    state: &State,
    vault: &Vault,
    caller: &Caller,
    (action, secret): (SecretAction, &str),
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    check_network(vault, caller, Origin::Loopback)?;
    let (data_action, permission) = match action {
        SecretAction::Get => ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "get"),
        SecretAction::Set => ("Microsoft.KeyVault/vaults/secrets/setSecret/action", "set"),
    };
    if vault.uses_roles {
        let resource = format!("{}/secrets/{secret}", vault.id);
        return check_roles(state, vault, caller, (data_action, &resource), now);
    }
    check_policies(vault, caller, ("secrets", permission))
}

fn check_network(vault: &Vault, caller: &Caller, origin: Origin) -> Result<(), VaultError> {
    let trusted =
        origin == Origin::TrustedService && vault.network.bypass.eq_ignore_ascii_case("AzureServices");
    if trusted {
        return Ok(());
    }
    let who = format!("Caller: {}\r\nVault: {};location={}", caller_text(caller), vault.name, vault.location);
    if !vault.public_network_access {
        return Err(VaultError::forbidden(
            "ForbiddenByConnection",
            format!(
                "Public network access is disabled and request is not from a trusted service nor via an approved private \
                 link.\r\n{who}"
            ),
        ));
    }
    let let_in = vault.network.ip_rules.iter().any(|rule| is_loopback(&rule.value));
    if vault.network.default_action.eq_ignore_ascii_case("Deny") && !let_in {
        return Err(VaultError::forbidden(
            "ForbiddenByFirewall",
            format!(
                "Client address is not authorized and caller is not a trusted service.\r\nClient address: 127.0.0.1\r\n{who}"
            ),
        ));
    }
    Ok(())
}

/// Everybody comes from 127.0.0.1 here, so a rule either names that address or lets nobody in.
fn is_loopback(rule: &str) -> bool {
    rule == "127.0.0.1" || rule == "127.0.0.1/32"
}

fn check_roles(
    state: &State,
    vault: &Vault,
    caller: &Caller,
    (data_action, resource): (&str, &str),
    now: OffsetDateTime,
) -> Result<(), VaultError> {
    if allowed(&state.arm, caller.object_id, Action::Data(data_action), resource, now) {
        return Ok(());
    }
    Err(VaultError::forbidden(
        "ForbiddenByRbac",
        format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
             definitions were changed recently, please observe propagation time.\r\nCaller: {}\r\nAction: '{}'\r\nResource: \
             '{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: null \r\nVault: \
             {};location={}\r\n",
            caller_text(caller),
            data_action,
            resource.to_ascii_lowercase(),
            vault.name,
            vault.location
        ),
    ))
}

pub(super) fn check_local(
    held: &[LocalAssignment],
    caller: &Caller,
    action: &str,
    scope: &str,
) -> Result<(), VaultError> {
    if local_roles::allowed(held, caller.object_id, action, scope) {
        return Ok(());
    }
    Err(VaultError::new(
        http::StatusCode::FORBIDDEN,
        "AccessDenied",
        format!(
            "Not authorized to access Microsoft.KeyVault/managedHsm/{action} on {scope} (Activity ID: {})",
            Uuid::new_v4()
        ),
    ))
}

fn check_policies(vault: &Vault, caller: &Caller, (of, wanted): (&str, &str)) -> Result<(), VaultError> {
    let granted = vault
        .access_policies
        .iter()
        .filter(|policy| policy.tenant_id == caller.tenant && policy.object_id == caller.object_id)
        .filter(|policy| policy.application_id.is_none_or(|application| application == caller.application_id))
        .filter_map(|policy| policy.permissions.get(of))
        .flatten()
        .any(|permission| permission.eq_ignore_ascii_case(wanted) || permission.eq_ignore_ascii_case("all"));
    if granted {
        return Ok(());
    }
    let (issuer, appid, oid) = (caller.issuer(), caller.application_id, caller.object_id);
    Err(VaultError::forbidden(
        "AccessDenied",
        format!(
            "The user, group or application 'appid={appid};oid={oid};numgroups=0;iss={issuer}' does not have {of} {wanted} \
             permission on key vault '{};location={}'. For help resolving this issue, please see \
             https://go.microsoft.com/fwlink/?linkid=2125287",
            vault.name, vault.location
        ),
    ))
}

fn caller_text(caller: &Caller) -> String {
    format!("appid={};oid={};iss={}", caller.application_id, caller.object_id, caller.issuer())
}
