//! Using a key, with everything about the key itself checked first.
//!
//! Which states allow what: Microsoft Learn, "About keys" (key attributes). Outside its time a key still decrypts and
//! unwraps, so that data stays readable, but neither encrypts nor wraps. A disabled key does nothing at all.

use http::StatusCode;
use time::OffsetDateTime;

use super::access::KeyAction;
use super::error::VaultError;
use super::keys::KeyVersion;
use super::material::Algorithm;

/// The result of one of the four operations on bytes.
pub(crate) fn apply(
    version: &KeyVersion,
    action: KeyAction,
    algorithm: &str,
    value: &[u8],
    now: OffsetDateTime,
) -> Result<Vec<u8>, VaultError> {
    let operation = operation_name(action);
    check_state(version, operation, now)?;
    if !version.operations.iter().any(|allowed| allowed == operation) {
        // Our guess: code and words.
        return Err(VaultError::forbidden(
            "KeyOperationForbidden",
            format!("Operation {operation} is not permitted on this key."),
        ));
    }
    let algorithm = Algorithm::named(algorithm).ok_or_else(|| {
        VaultError::bad_parameter(format!(
            "Key and algorithm combination is not supported: key type '{}' with algorithm '{algorithm}'.",
            version.key_type
        ))
    })?;
    let result = match operation {
        "wrapKey" | "encrypt" => version.material.encrypt(algorithm, value),
        _ => version.material.decrypt(algorithm, value),
    };
    // Our guess: the words.
    result
        .map_err(|_| VaultError::bad_parameter("The parameter is incorrect: the value does not fit the key."))
}

fn check_state(version: &KeyVersion, operation: &str, now: OffsetDateTime) -> Result<(), VaultError> {
    if !version.enabled {
        return Err(VaultError {
            inner: Some("KeyDisabled"),
            ..VaultError::new(
                StatusCode::FORBIDDEN,
                "Forbidden",
                format!("Operation {operation} is not allowed on a disabled key."),
            )
        });
    }
    let hides = matches!(operation, "wrapKey" | "encrypt");
    if !hides || version.in_its_time(now.unix_timestamp()) {
        return Ok(());
    }
    let early = version.not_before.is_some_and(|start| start > now.unix_timestamp());
    // Our guess: codes and words for both.
    let (inner, state) =
        if early { ("KeyNotYetValid", "a not yet valid") } else { ("KeyExpired", "an expired") };
    Err(VaultError::forbidden(inner, format!("Operation {operation} is not allowed on {state} key.")))
}

fn operation_name(action: KeyAction) -> &'static str {
    match action {
        KeyAction::Wrap => "wrapKey",
        KeyAction::Unwrap => "unwrapKey",
        KeyAction::Encrypt => "encrypt",
        _ => "decrypt",
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::tests::a_version;
    use super::*;

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(second).unwrap()
    }

    #[test]
    fn what_each_state_allows() {
        let good = a_version("v");
        let wrapped = apply(&good, KeyAction::Wrap, "RSA-OAEP-256", &[1; 32], at(50)).unwrap();
        let try_both = |version: &KeyVersion| {
            let code = |result: Result<Vec<u8>, VaultError>| result.err().and_then(|error| error.inner);
            (
                code(apply(version, KeyAction::Wrap, "RSA-OAEP-256", &[1; 32], at(50))),
                code(apply(version, KeyAction::Unwrap, "RSA-OAEP-256", &wrapped, at(50))),
            )
        };
        assert_eq!(try_both(&good), (None, None));
        assert_eq!(try_both(&KeyVersion { expires: Some(50), ..good.clone() }), (Some("KeyExpired"), None));
        assert_eq!(
            try_both(&KeyVersion { not_before: Some(51), ..good.clone() }),
            (Some("KeyNotYetValid"), None)
        );
        let disabled = KeyVersion { enabled: false, ..good.clone() };
        assert_eq!(try_both(&disabled), (Some("KeyDisabled"), Some("KeyDisabled")));
        let unfit = KeyVersion { operations: vec!["encrypt".into()], ..good };
        assert_eq!(try_both(&unfit), (Some("KeyOperationForbidden"), Some("KeyOperationForbidden")));
    }

    #[test]
    fn algorithms_that_do_not_belong_to_the_key_are_refused() {
        let error = apply(&a_version("v"), KeyAction::Wrap, "A256KW", &[1; 32], at(1)).unwrap_err();
        assert_eq!((error.status, error.code), (StatusCode::BAD_REQUEST, "BadParameter"));
    }
}
