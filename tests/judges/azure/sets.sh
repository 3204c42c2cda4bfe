#!/usr/bin/env bash
# What operators do to disk encryption sets beside the article: keys of their own tenant, source vaults, the multi-tenant
# application, identities, lists. Goes on from where article.sh ended (see people.sh) and leaves nothing behind.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
. "$WORK/names"

at_the_vendors
az ad app federated-credential list --id $multiTenantAppObjectId --query '[].subject' -o tsv \
    | expect "$principalId" "whose tokens the application takes"
# A name has 3 to 128 letters.
refused InvalidResourceName az identity create -n id -g $isvRgName -l $isvLocation
echo "passed  the application's credential, and a name that is too short"

# ---- A key of the vendor's own, and its vault ------------------------------------------------------------------------------
ownVault="$kvName-own"
ownVaultId=$(az keyvault create -n "$ownVault" -g $isvRgName -l $isvLocation --enable-rbac-authorization true --query id -o tsv)
me=$(az ad signed-in-user show --query id -o tsv)
az role assignment create --role "Key Vault Crypto Officer" --scope "$ownVaultId" \
    --assignee-object-id "$me" --assignee-principal-type User
az role assignment create --role "Key Vault Crypto Service Encryption User" --scope "$ownVaultId" \
    --assignee-object-id $principalId --assignee-principal-type ServicePrincipal
ownKey=$(az keyvault key create --name own --vault-name "$ownVault" --query key.kid -o tsv)
set_with_vault() {
    az disk-encryption-set create -g $isvRgName -n own -l $isvLocation --mi-user-assigned $myAssignedId "$@"
}
# A name stands for a vault in the set's own group.
set_with_vault --key-url "$ownKey" --source-vault "$ownVault"
az disk-encryption-set show -g $isvRgName -n own --query activeKey.sourceVault.id -o tsv \
    | expect "$ownVaultId" "the source vault"
refused LinkedAuthorizationFailed set_with_vault --key-url "$MyKey" --source-vault "$kvResourceId"
# Azure CLI makes an id without a name of it.
refused InvalidParameter set_with_vault --key-url "$ownKey" --source-vault ""
az disk-encryption-set update -g $isvRgName -n own --key-url "$ownKey"
az disk-encryption-set show -g $isvRgName -n own --query "activeKey.sourceVault || 'none'" -o tsv \
    | expect none "the source vault after an update that names none"
echo "passed  a source vault of the set's subscription, of another, and none"

# ---- The multi-tenant application of a set -----------------------------------------------------------------------------------
az disk-encryption-set update -g $isvRgName -n own --key-url "$ownKey" --federated-client-id $multiTenantAppId
az disk-encryption-set show -g $isvRgName -n own --query federatedClientId -o tsv \
    | expect "$multiTenantAppId" "the application of the set"
az disk-encryption-set update -g $isvRgName -n own --key-url "$ownKey" --federated-client-id None
az disk-encryption-set show -g $isvRgName -n own --query "federatedClientId || 'none'" -o tsv \
    | expect none "the application after it was cleared"
echo "passed  naming and clearing the multi-tenant application"

# ---- Lists, and the end ----------------------------------------------------------------------------------------------------
az disk-encryption-set list -g $isvRgName --query "[?name=='own'].encryptionType" -o tsv \
    | expect EncryptionAtRestWithCustomerKey "the set in the list"
az disk-encryption-set identity remove -g $isvRgName -n own --user-assigned $myAssignedId --yes
az disk-encryption-set identity show -g $isvRgName -n own --query type -o tsv | expect None "the identity that was removed"
az disk-encryption-set delete -g $isvRgName -n own
refused ResourceNotFound az disk-encryption-set show -g $isvRgName -n own
az keyvault delete -n "$ownVault" -g $isvRgName
refused ResourceNotFound az keyvault show -n "$ownVault" -g $isvRgName
echo "passed  lists, an identity that is taken away, and the end of a set"
