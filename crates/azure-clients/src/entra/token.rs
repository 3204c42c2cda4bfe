//! What our own fresh token says about us.
//!
//! The token is decoded and not validated: it came straight from Entra over TLS, and the vault that receives it does
//! the validating. Nothing is granted to anybody because of what is read here.

use azure_ids::{ObjectId, TenantId};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{EntraError, EntraRefusal};

#[derive(Deserialize)]
struct Claims {
    oid: ObjectId,
    tid: TenantId,
}

/// The object id of the service principal that a token was given to, if the token is of the expected tenant.
pub(super) fn service_principal(token: &str, expected: TenantId) -> Result<ObjectId, EntraError> {
    let claims = claims(token)
        .ok_or_else(|| EntraError::undecodable("the token is not a JWT with `oid` and `tid`"))?;
    if claims.tid != expected {
        return Err(EntraError::Refused(EntraRefusal::WrongTenant { expected, found: claims.tid }));
    }
    Ok(claims.oid)
}

fn claims(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (Some(_header), Some(payload), Some(_signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "0a1b2c3d-1111-2222-3333-444455556666";
    const OBJECT: &str = "0a1b2c3d-aaaa-bbbb-cccc-444455556666";

    fn jwt(payload: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    #[test]
    fn the_service_principal_is_read_from_a_token_of_the_right_tenant_only() {
        let tenant: TenantId = TENANT.parse().unwrap();
        let token = jwt(&format!(r#"{{"oid":"{OBJECT}","tid":"{TENANT}","appid":"x"}}"#));
        assert_eq!(service_principal(&token, tenant).unwrap(), OBJECT.parse().unwrap());

        let other = jwt(&format!(r#"{{"oid":"{OBJECT}","tid":"{OBJECT}"}}"#));
        assert!(matches!(
            service_principal(&other, tenant),
            Err(EntraError::Refused(EntraRefusal::WrongTenant { expected, .. })) if expected == tenant
        ));
    }

    #[test]
    fn what_is_not_such_a_token_is_undecodable() {
        let tenant: TenantId = TENANT.parse().unwrap();
        for token in ["", "opaque", "a.b", "a.b.c.d", "a.!.c", &jwt("{}"), &jwt(r#"{"oid":"me","tid":"us"}"#)]
        {
            assert!(matches!(service_principal(token, tenant), Err(EntraError::Undecodable(_))), "{token}");
        }
    }
}
