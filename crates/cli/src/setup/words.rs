//! What people call the pieces.

/// The words for a piece's kind.
pub(super) fn of(kind: &str) -> &str {
    match kind {
        "application" => "application that customers approve",
        "servicePrincipal" => "service principal of that application",
        "redirectUri" => "redirect URI of that application",
        "signInApplication" => "sign-in application, with app roles",
        "signInServicePrincipal" => "service principal of the sign-in application",
        "signInRedirectUri" => "redirect URI of the sign-in application",
        "resourceGroup" => "resource group",
        "managedIdentity" => "managed identity",
        "federatedCredential" => "federated credential",
        "disksRole" => "custom role for the disks",
        "identityRole" => "custom role for the identity",
        other => other,
    }
}
