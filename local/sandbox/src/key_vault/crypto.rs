//! Using a key, with everything about the key itself checked first.
//!
//! Which states allow what: Microsoft Learn, "About keys" (key attributes). Outside its time a key still decrypts and
//! unwraps and verifies, so that data stays readable, but neither encrypts nor wraps nor signs. A disabled key does nothing at all.

use http::StatusCode;
use time::OffsetDateTime;

use crate::state::key_vault::error::VaultError;
use crate::state::key_vault::key_version::{KeyVersion, Material};
use crate::state::key_vault::material::{Algorithm, KeyMaterial, Unfit};

use super::access::KeyAction;
use super::signatures::SignatureAlgorithm;

/// The only algorithm of keys on P-256 (RFC 7518).
const ES256: &str = "ES256";

/// The result of one of the operations that make bytes of bytes.
pub(crate) fn apply(
    version: &KeyVersion,
    action: KeyAction,
    algorithm: &str,
    value: &[u8],
    now: OffsetDateTime,
) -> Result<Vec<u8>, VaultError> {
    let operation = check(version, action, now)?;
    let result = match operation {
        "sign" => sign(version, algorithm, value)?,
        "wrapKey" | "encrypt" => {
            let (material, cipher) = cipher(version, algorithm)?;
            material.encrypt(cipher, value)
        }
        _ => {
            let (material, cipher) = cipher(version, algorithm)?;
            material.decrypt(cipher, value)
        }
    };
    result.map_err(|_| misfit())
}

/// Whether a signature over a digest is this key's.
pub(crate) fn verify(
    version: &KeyVersion,
    algorithm: &str,
    (digest, signature): (&[u8], &[u8]),
    now: OffsetDateTime,
) -> Result<bool, VaultError> {
    check(version, KeyAction::Verify, now)?;
    let verified = match (&version.material, SignatureAlgorithm::named(algorithm)) {
        (Material::Rsa(material), Some(algorithm)) => algorithm.verify(material, digest, signature),
        (Material::P256(key), _) if algorithm == ES256 => key.verify(digest, signature),
        _ => return Err(unsupported(version, algorithm)),
    };
    verified.map_err(|_| misfit())
}

fn sign(version: &KeyVersion, algorithm: &str, digest: &[u8]) -> Result<Result<Vec<u8>, Unfit>, VaultError> {
    match (&version.material, SignatureAlgorithm::named(algorithm)) {
        (Material::Rsa(material), Some(algorithm)) => Ok(algorithm.sign(material, digest)),
        (Material::P256(key), _) if algorithm == ES256 => Ok(key.sign(digest)),
        _ => Err(unsupported(version, algorithm)),
    }
}

fn cipher<'a>(version: &'a KeyVersion, name: &str) -> Result<(&'a KeyMaterial, Algorithm), VaultError> {
    match (&version.material, Algorithm::named(name)) {
        (Material::Rsa(material), Some(algorithm)) => Ok((material, algorithm)),
        _ => Err(unsupported(version, name)),
    }
}

fn unsupported(version: &KeyVersion, algorithm: &str) -> VaultError {
    VaultError::bad_parameter(format!(
        "Key and algorithm combination is not supported: key type '{}' with algorithm '{algorithm}'.",
        version.key_type
    ))
}

/// Our guess: the words.
fn misfit() -> VaultError {
    VaultError::bad_parameter("The parameter is incorrect: the value does not fit the key.")
}

/// Whether the key may be used so, now. Gives the operation's name.
fn check(version: &KeyVersion, action: KeyAction, now: OffsetDateTime) -> Result<&'static str, VaultError> {
    let operation = operation_name(action);
    check_state(version, operation, now)?;
    if version.operations.iter().any(|allowed| allowed == operation) {
        return Ok(operation);
    }
    // Our guess: code and words.
    Err(VaultError::forbidden(
        "KeyOperationForbidden",
        format!("Operation {operation} is not permitted on this key."),
    ))
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
    let makes = matches!(operation, "wrapKey" | "encrypt" | "sign");
    if !makes || version.in_its_time(now.unix_timestamp()) {
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
        KeyAction::Sign => "sign",
        KeyAction::Verify => "verify",
        _ => "decrypt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::key_vault::keys::tests::a_version;

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
