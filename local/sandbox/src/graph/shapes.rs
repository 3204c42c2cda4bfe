//! How directory objects look in Graph. Names and types follow the published CSDL of version 1.0.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::moments;
use crate::state::directory::{
    Application, ClientSecret, Directory, FederatedCredential, ServicePrincipal, User,
};

use super::fault::GraphFault;

/// The properties of an application that clients may write, with the values they have when nobody wrote them.
pub(super) fn application_defaults() -> Value {
    json!({
        "addIns": [],
        "api": {
            "acceptMappedClaims": null,
            "knownClientApplications": [],
            "oauth2PermissionScopes": [],
            "preAuthorizedApplications": [],
            "requestedAccessTokenVersion": null,
        },
        "appRoles": [],
        "description": null,
        "displayName": "",
        "groupMembershipClaims": null,
        "identifierUris": [],
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "isFallbackPublicClient": null,
        "keyCredentials": [],
        "notes": null,
        "optionalClaims": null,
        "publicClient": {"redirectUris": []},
        "requiredResourceAccess": [],
        "serviceManagementReference": null,
        "servicePrincipalLockConfiguration": null,
        "signInAudience": "AzureADMyOrg",
        "spa": {"redirectUris": []},
        "tags": [],
        "web": {
            "homePageUrl": null,
            "implicitGrantSettings": {"enableAccessTokenIssuance": false, "enableIdTokenIssuance": false},
            "logoutUrl": null,
            "redirectUris": [],
            "redirectUriSettings": [],
        },
    })
}

pub(super) fn application(directory: &Directory, application: &Application) -> Value {
    let mut shown = application_defaults();
    merge(&mut shown, &Value::Object(application.properties.clone()));
    let tenant = directory.tenants.get(&application.tenant);
    let passwords: Vec<Value> = application.secrets.iter().map(secret).collect();
    merge(
        &mut shown,
        &json!({
            "id": application.object_id,
            "deletedDateTime": null,
            "appId": application.app_id,
            "applicationTemplateId": null,
            "createdDateTime": moment(application.created_at),
            "defaultRedirectUri": null,
            "disabledByMicrosoftStatus": null,
            "isDeviceOnlyAuthSupported": null,
            "parentalControlSettings": {"countriesBlockedForMinors": [], "legalAgeGroupRule": "Allow"},
            "passwordCredentials": passwords,
            "publisherDomain": tenant.map(|tenant| tenant.domain.as_str()),
            "samlMetadataUrl": null,
            "tokenEncryptionKeyId": null,
            "verifiedPublisher": {"addedDateTime": null, "displayName": null, "verifiedPublisherId": null},
        }),
    );
    shown
}

/// A secret as Graph lists it: without its text.
pub(super) fn secret(secret: &ClientSecret) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": secret.display_name,
        "endDateTime": moment(secret.end),
        "hint": secret.hint,
        "keyId": secret.key_id,
        "secretText": null,
        "startDateTime": moment(secret.start),
    })
}

pub(super) fn federated_credential(credential: &FederatedCredential) -> Value {
    json!({
        "id": credential.id,
        "name": credential.name,
        "issuer": credential.issuer,
        "subject": credential.subject,
        "description": credential.description,
        "audiences": credential.audiences,
    })
}

pub(super) fn service_principal(directory: &Directory, principal: &ServicePrincipal) -> Value {
    let application = directory.application_by_app_id(principal.app_id);
    let (kind, other_names) = match &principal.managed_identity {
        Some(identity) => {
            ("ManagedIdentity", vec!["isExplicit=True".to_owned(), identity.resource_id.clone()])
        }
        None => ("Application", Vec::new()),
    };
    let reply_urls = application
        .and_then(|application| application.properties.get("web")?.get("redirectUris").cloned())
        .unwrap_or_else(|| json!([]));
    json!({
        "id": principal.object_id,
        "deletedDateTime": null,
        "accountEnabled": principal.enabled,
        "addIns": [],
        "alternativeNames": other_names,
        "appDescription": null,
        "appDisplayName": application.map(Application::display_name),
        "appId": principal.app_id,
        "applicationTemplateId": null,
        "appOwnerOrganizationId": application.map(|application| application.tenant),
        "appRoleAssignmentRequired": false,
        "appRoles": [],
        "description": null,
        "disabledByMicrosoftStatus": null,
        "displayName": principal.display_name,
        "homepage": null,
        "info": {
            "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
            "termsOfServiceUrl": null,
        },
        "keyCredentials": [],
        "loginUrl": null,
        "logoutUrl": null,
        "notes": null,
        "notificationEmailAddresses": [],
        "oauth2PermissionScopes": [],
        "passwordCredentials": [],
        "preferredSingleSignOnMode": null,
        "preferredTokenSigningKeyThumbprint": null,
        "replyUrls": reply_urls,
        "resourceSpecificApplicationPermissions": [],
        "samlSingleSignOnSettings": null,
        "servicePrincipalNames": [principal.app_id],
        "servicePrincipalType": kind,
        "signInAudience": application.and_then(|application| application.properties.get("signInAudience")),
        "tags": [],
        "tokenEncryptionKeyId": null,
        "verifiedPublisher": {"addedDateTime": null, "displayName": null, "verifiedPublisherId": null},
    })
}

pub(super) fn user(user: &User) -> Value {
    json!({
        "id": user.object_id,
        "displayName": user.display_name,
        "userPrincipalName": user.user_principal_name,
        "businessPhones": [],
        "givenName": null,
        "jobTitle": null,
        "mail": null,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": null,
    })
}

/// Checks what a client wants to write against the properties there are, by name and kind of value.
pub(super) fn check_properties(given: &Map<String, Value>, known: &Value) -> Result<(), GraphFault> {
    for (name, value) in given.iter().filter(|(name, _)| !name.contains('@')) {
        let Some(usual) = known.get(name) else {
            return Err(GraphFault::bad_request(format!("Invalid property '{name}'.")));
        };
        if !same_kind(usual, value) {
            return Err(GraphFault::bad_request(format!("Invalid value specified for property '{name}'.")));
        }
        if let (Value::Object(inner), Value::Object(_)) = (value, usual) {
            check_properties(inner, usual)?;
        }
    }
    Ok(())
}

fn same_kind(usual: &Value, given: &Value) -> bool {
    use std::mem::discriminant;
    // What is null by default says nothing about its kind.
    usual.is_null() || (given.is_null() && usual.is_object()) || discriminant(usual) == discriminant(given)
}

/// Lays `over` upon `base`: objects property by property, everything else whole.
pub(super) fn merge(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (name, value) in over {
                merge(base.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// A moment as Graph writes it.
pub(super) fn moment(moment: OffsetDateTime) -> String {
    moments::zulu(moment)
}
