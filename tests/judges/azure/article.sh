#!/usr/bin/env bash
# Every command of the Azure CLI tabs of Microsoft's article "Encrypt managed disks with cross-tenant customer-managed
# keys", in its order and as it stands there; only its placeholders are filled in. See people.sh for what it needs.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"

# ---- The service provider configures identities -------------------------------------------------------------------
at_the_vendors
az login > "$WORK/vendor-login.json"

multiTenantAppName="latchkey-judge"
multiTenantAppObjectId=$(az ad app create --display-name $multiTenantAppName \
    --sign-in-audience AzureADMultipleOrgs \
    --query id \
    --output tsv)

multiTenantAppId=$(az ad app show --id $multiTenantAppObjectId --query appId --output tsv)

isvSubscriptionId=$(az account show --query id --output tsv)
isvTenantId=$(az account show --query tenantId --output tsv)
isvRgName="isv-judge"
isvLocation="westcentralus"
userIdentityName="cmk-identity"

az group create --location $isvLocation \
    --resource-group $isvRgName \
    --subscription $isvSubscriptionId

principalId=$(az identity create --name $userIdentityName \
    --resource-group $isvRgName \
    --location $isvLocation \
    --subscription $isvSubscriptionId \
    --query principalId \
    --out tsv)

cat > "$WORK/credential.json" <<JSON
{
    "name": "MyFederatedIdentityCredential",
    "issuer": "https://login.microsoftonline.com/$isvTenantId/v2.0",
    "subject": "$principalId",
    "description": "Federated Identity Credential for CMK",
    "audiences": [
        "api://AzureADTokenExchange"
    ]
}
JSON
(cd "$WORK" && az ad app federated-credential create --id $multiTenantAppObjectId --parameters credential.json)

# ---- The customer grants the service provider's app access to the key in the key vault ------------------------------
at_the_customers
az login > "$WORK/customer-login.json"

az ad sp create --id $multiTenantAppId --query id --out tsv

customerSubscriptionId=$(az account show --query id --output tsv)
customerRgName="customer-judge"
customerLocation="westcentralus"
kvName="${KEY_VAULT_NAME:-kv-judge}"

az group create --location $customerLocation \
    --name $customerRgName

az keyvault create --name $kvName \
    --location $customerLocation \
    --resource-group $customerRgName \
    --subscription $customerSubscriptionId \
    --enable-purge-protection true \
    --enable-rbac-authorization true

currentUserObjectId=$(az ad signed-in-user show --query id --output tsv)

kvResourceId=$(az keyvault show --resource-group $customerRgName \
    --name $kvName \
    --query id \
    --output tsv)

az role assignment create --role "Key Vault Crypto Officer" \
    --scope $kvResourceId \
    --assignee-object-id $currentUserObjectId

keyName="disks"
az keyvault key create --name $keyName --vault-name $kvName

servicePrincipalId=$(az ad sp show --id $multiTenantAppId --query id --output tsv)

az role assignment create --role "Key Vault Crypto Service Encryption User" \
    --scope $kvResourceId \
    --assignee-object-id $servicePrincipalId

# ---- Create a disk encryption set -----------------------------------------------------------------------------------
# The article leaves it to the reader how the key's URL reaches the service provider.
MyKey=$(az keyvault key show --name $keyName --vault-name $kvName --query key.kid --output tsv)

at_the_vendors
myAssignedId=$(az identity show --name $userIdentityName --resource-group $isvRgName --query id --output tsv)
myFederatedClientId=$multiTenantAppId
az disk-encryption-set create --resource-group $isvRgName --name MyDiskEncryptionSet --key-url $MyKey --mi-user-assigned $myAssignedId --federated-client-id $myFederatedClientId --location westcentralus

# ---- It works ---------------------------------------------------------------------------------------------------------
az disk-encryption-set show --resource-group $isvRgName --name MyDiskEncryptionSet > "$WORK/set.json"
az disk-encryption-set show --resource-group $isvRgName --name MyDiskEncryptionSet --query provisioningState --output tsv \
    | expect Succeeded "the state of the set"
az disk-encryption-set show --resource-group $isvRgName --name MyDiskEncryptionSet --query activeKey.keyUrl --output tsv \
    | expect "$MyKey" "the key of the set"
az disk-encryption-set show --resource-group $isvRgName --name MyDiskEncryptionSet --query federatedClientId --output tsv \
    | expect "$multiTenantAppId" "the multi-tenant application of the set"

# What the scripts that go on from here need to know.
for name in multiTenantAppObjectId multiTenantAppId isvSubscriptionId isvTenantId isvRgName isvLocation userIdentityName \
    principalId myAssignedId customerSubscriptionId customerRgName customerLocation kvName kvResourceId keyName \
    servicePrincipalId currentUserObjectId MyKey; do
    printf '%s=%q\n' "$name" "${!name}"
done > "$WORK/names"
echo "passed  every command of the article's Azure CLI tabs"
