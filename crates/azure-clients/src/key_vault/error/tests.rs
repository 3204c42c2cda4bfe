//! The table from a vault's reply to an error.

use std::time::Duration;

use serde_json::json;

use super::*;

const OID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

fn read_json(status: u16, body: &serde_json::Value) -> KeyVaultError {
    read(status, |name| (name == "retry-after").then_some("7"), body.to_string().as_bytes())
}

fn forbidden_of(code: &str, inner: Option<&str>, message: &str) -> Forbidden {
    let mut error = json!({"code": code, "message": message});
    if let Some(inner) = inner {
        error["innererror"] = json!({"code": inner});
    }
    match read_json(403, &json!({"error": error})) {
        KeyVaultError::Refused(KeyVaultRefusal::Forbidden(forbidden)) => *forbidden,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_role_tells_who_needs_what_where() {
    let message = format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role \
         definitions were changed recently, please observe propagation time.\r\nCaller: appid=x;oid={OID};\
         iss=https://sts.windows.net/y/\r\nAction: 'Microsoft.KeyVault/vaults/keys/wrap/action'\r\nResource: \
         '/subscriptions/s/resourcegroups/rg/providers/microsoft.keyvault/vaults/kv/keys/k'\r\nAssignment: (not \
         found)\r\nVault: kv;location=eastus\r\n"
    );
    let forbidden = forbidden_of("Forbidden", Some("ForbiddenByRbac"), &message);
    assert_eq!(forbidden.kind, ForbiddenKind::Rbac);
    assert_eq!(forbidden.action.as_deref(), Some("Microsoft.KeyVault/vaults/keys/wrap/action"));
    assert_eq!(forbidden.caller_object_id, Some(OID.parse().unwrap()));
    assert!(forbidden.resource.unwrap().ends_with("/vaults/kv/keys/k"));
}

#[test]
fn each_guard_of_the_vault_has_its_kind() {
    let check = |code, inner, kind| assert_eq!(forbidden_of(code, inner, "").kind, kind);
    check("Forbidden", Some("AccessDenied"), ForbiddenKind::AccessPolicy);
    check("AccessDenied", None, ForbiddenKind::AccessPolicy);
    check("Forbidden", Some("ForbiddenByConnection"), ForbiddenKind::Connection);
    check("Forbidden", Some("KeyDisabled"), ForbiddenKind::KeyDisabled);
    check("Forbidden", Some("KeyOperationForbidden"), ForbiddenKind::Operation);
    check("Forbidden", None, ForbiddenKind::Other("Forbidden".into()));
    let walled = forbidden_of(
        "Forbidden",
        Some("ForbiddenByFirewall"),
        "Client address is not authorized and caller is not a trusted service.\r\nClient address: 203.0.113.9\r\nCaller: appid=a",
    );
    assert_eq!(walled.kind, ForbiddenKind::Firewall);
    assert_eq!(walled.client_address, Some("203.0.113.9".parse().unwrap()));
}

#[test]
fn the_sdk_spelling_of_the_inner_error_is_read_too() {
    let body =
        json!({"error": {"code": "Forbidden", "message": "", "innerError": {"code": "ForbiddenByRbac"}}});
    assert!(
        matches!(read_json(403, &body), KeyVaultError::Refused(KeyVaultRefusal::Forbidden(f)) if f.kind == ForbiddenKind::Rbac)
    );
}

#[test]
fn every_other_status_has_its_variant() {
    let body = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    assert!(matches!(
        read_json(404, &body("KeyNotFound", "")),
        KeyVaultError::Refused(KeyVaultRefusal::KeyNotFound)
    ));
    assert!(matches!(
        read_json(400, &body("BadParameter", "no")),
        KeyVaultError::Refused(KeyVaultRefusal::BadRequest { code, message }) if code == "BadParameter" && message == "no"
    ));
    assert!(matches!(
        read_json(401, &body("Unauthorized", "AKV10032: Invalid issuer. Expected one of ...")),
        KeyVaultError::Refused(KeyVaultRefusal::TokenRefused { code: Some(code) }) if code == "AKV10032"
    ));
    assert!(matches!(
        read_json(401, &json!({})),
        KeyVaultError::Refused(KeyVaultRefusal::TokenRefused { code: None })
    ));
    let bin = json!({"error": {"code": "Conflict", "innererror": {"code": "ObjectIsDeletedButRecoverable"}}});
    assert!(matches!(
        read_json(409, &bin),
        KeyVaultError::Refused(KeyVaultRefusal::KeyInBin { code }) if code == "ObjectIsDeletedButRecoverable"
    ));
    let throttled = read_json(429, &body("Throttled", ""));
    assert_eq!(throttled.retry_after(), Some(Duration::from_secs(7)));
    assert!(matches!(throttled, KeyVaultError::Throttled { .. }));
    let unwell = read(503, |_| None, b"<html>Service Unavailable</html>");
    assert!(matches!(unwell, KeyVaultError::Unavailable(Outage::Status { status: 503, code: None, .. })));
    assert!(matches!(read_json(418, &json!({})), KeyVaultError::Undecodable(_)));
}
