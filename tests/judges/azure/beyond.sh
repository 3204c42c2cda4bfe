#!/usr/bin/env bash
# What comes after Microsoft's article: disks under the set, rotation, a machine, revocation, and leaving. Goes on from where
# article.sh ended (see people.sh for what it needs).
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
. "$WORK/names"
setName=MyDiskEncryptionSet

# ---- Disks under the customer's key ---------------------------------------------------------------------------------
at_the_vendors
az disk create -g $isvRgName -n data1 --size-gb 4 -l $isvLocation \
    --encryption-type EncryptionAtRestWithCustomerKey --disk-encryption-set $setName
az disk show -g $isvRgName -n data1 --query encryption.type -o tsv \
    | expect EncryptionAtRestWithCustomerKey "the encryption of a disk made under the set"
az disk create -g $isvRgName -n data2 --size-gb 4 -l $isvLocation
az disk update -g $isvRgName -n data2 \
    --encryption-type EncryptionAtRestWithCustomerKey --disk-encryption-set $setName
az disk show -g $isvRgName -n data2 --query encryption.type -o tsv \
    | expect EncryptionAtRestWithCustomerKey "the encryption of a disk that was put under the set"
az snapshot create -g $isvRgName -n snap1 --source data1 -l $isvLocation
az snapshot show -g $isvRgName -n snap1 --query encryption.type -o tsv \
    | expect EncryptionAtRestWithCustomerKey "the encryption of a snapshot of such a disk"
az disk-encryption-set list-associated-resources -g $isvRgName -n $setName --query 'length(@)' -o tsv \
    | expect 3 "the number of disks and snapshots under the set"
refused OperationNotAllowed az disk-encryption-set delete -g $isvRgName -n $setName
echo "passed  disks, a snapshot and what a set is used by"

# ---- What names a set without being listed --------------------------------------------------------------------------
az image create -g $isvRgName -n image1 --source data2 --os-type Linux -l $isvLocation
az image show -g $isvRgName -n image1 --query storageProfile.osDisk.managedDisk.id -o tsv \
    | expect "$(az disk show -g $isvRgName -n data2 --query id -o tsv)" "what the image was made from"
az image list -g $isvRgName --query '[].name' -o tsv | expect image1 "the images of the group"
az image delete -g $isvRgName -n image1
refused ResourceNotFound az image show -g $isvRgName -n image1
echo "passed  an image of a disk"

# ---- Rotation -------------------------------------------------------------------------------------------------------
at_the_customers
rotated=$(az keyvault key rotate --name $keyName --vault-name $kvName --query key.kid -o tsv)
at_the_vendors
az disk-encryption-set update -g $isvRgName -n $setName --key-url "$rotated" --enable-auto-key-rotation true
az disk-encryption-set show -g $isvRgName -n $setName --query activeKey.keyUrl -o tsv | expect "$rotated" "the new key"
az disk-encryption-set show -g $isvRgName -n $setName --query rotationToLatestKeyVersionEnabled -o tsv \
    | expect true "the rotation flag"
at_the_customers
newest=$(az keyvault key rotate --name $keyName --vault-name $kvName --query key.kid -o tsv)
at_the_vendors
az disk-encryption-set show -g $isvRgName -n $setName --query activeKey.keyUrl -o tsv \
    | expect "$newest" "the version that the set took up by itself"
at_the_customers
az keyvault key list-versions --name $keyName --vault-name $kvName --query 'length(@)' -o tsv | expect 3 "the versions of the key"
echo "passed  rotation by hand and by itself"

# ---- The set's identity -------------------------------------------------------------------------------------------------
at_the_vendors
az disk-encryption-set create -g $isvRgName -n spare --key-url "$newest" -l $isvLocation
az disk-encryption-set identity assign -g $isvRgName -n spare --system-assigned
az disk-encryption-set identity show -g $isvRgName -n spare --query type -o tsv | expect SystemAssigned "the identity"
az disk-encryption-set identity remove -g $isvRgName -n spare --system-assigned --yes
az disk-encryption-set identity show -g $isvRgName -n spare --query type -o tsv | expect None "the identity that was removed"
az disk-encryption-set delete -g $isvRgName -n spare
echo "passed  identities of a set"

# ---- A machine, and a key that is disabled under it ----------------------------------------------------------------------
disk=$(az disk show -g $isvRgName -n data1 --query id -o tsv)
machine=/subscriptions/$isvSubscriptionId/resourceGroups/$isvRgName/providers/Microsoft.Compute/virtualMachines/vm1
cat > "$WORK/machine.json" <<JSON
{"location": "$isvLocation", "properties": {"hardwareProfile": {"vmSize": "Standard_DS1_v2"}, "storageProfile": {
    "osDisk": {"osType": "Linux", "createOption": "Attach", "managedDisk": {"id": "$disk"}}}}}
JSON
az rest --method put --url "https://management.azure.com$machine?api-version=2024-07-01" --body "@$WORK/machine.json"
az vm get-instance-view -g $isvRgName -n vm1 --query 'instanceView.statuses[1].code' -o tsv > /dev/null
az vm get-instance-view -g $isvRgName -n vm1 --query 'instanceView.statuses[1].code' -o tsv \
    | expect PowerState/running "the power of a new machine"
refused OperationNotAllowed az disk update -g $isvRgName -n data1 --encryption-type EncryptionAtRestWithPlatformKey
az vm deallocate -g $isvRgName -n vm1
az disk show -g $isvRgName -n data1 --query diskState -o tsv | expect Reserved "the disk of a deallocated machine"
at_the_customers
az keyvault key set-attributes --name $keyName --vault-name $kvName --enabled false
az keyvault key show --name $keyName --vault-name $kvName --query attributes.enabled -o tsv \
    | expect false "whether the key is enabled"
at_the_vendors
refused KeyVaultKeyNotEnabled az vm start -g $isvRgName -n vm1
at_the_customers
az keyvault key set-attributes --name $keyName --vault-name $kvName --enabled true
at_the_vendors
az vm start -g $isvRgName -n vm1
az vm deallocate -g $isvRgName -n vm1
az vm delete -g $isvRgName -n vm1 --yes
az disk show -g $isvRgName -n data1 --query diskState -o tsv | expect Unattached "the disk of a machine that is gone"
echo "passed  a machine that stops with its key and starts with it"

# ---- The article's REST call ---------------------------------------------------------------------------------------------
cat > "$WORK/set-by-rest.json" <<JSON
{
  "name": "by-rest",
  "id": "/subscriptions/$isvSubscriptionId/resourceGroups/$isvRgName/providers/Microsoft.Compute/diskEncryptionSets/by-rest/",
  "type": "Microsoft.Compute/diskEncryptionSets",
  "location": "westcentralus",
  "identity": {"type": "UserAssigned", "userAssignedIdentities": {"$myAssignedId": {}}},
  "properties": {
    "activeKey": {"keyUrl": "$newest"},
    "encryptionType": "EncryptionAtRestWithCustomerKey",
    "federatedClientId": "$multiTenantAppId"
  }
}
JSON
az rest --method put --body "@$WORK/set-by-rest.json" \
    --url "https://management.azure.com/subscriptions/$isvSubscriptionId/resourceGroups/$isvRgName/providers/Microsoft.Compute/diskEncryptionSets/by-rest?api-version=2021-12-01"
az disk-encryption-set show -g $isvRgName -n by-rest --query provisioningState -o tsv > /dev/null
az disk-encryption-set show -g $isvRgName -n by-rest --query provisioningState -o tsv | expect Succeeded "the set made by REST"
echo "passed  the article's REST call"

# ---- Access policies, and the ways to take access away -------------------------------------------------------------------
at_the_customers
az keyvault create -n "$kvName-old" -g $customerRgName -l $customerLocation --enable-rbac-authorization false
oldKey=$(az keyvault key create --name old --vault-name "$kvName-old" --query key.kid -o tsv)
set_by_policy() {
    az disk-encryption-set create -g $isvRgName -n by-policy --key-url "$oldKey" -l $isvLocation \
        --mi-user-assigned $myAssignedId --federated-client-id $multiTenantAppId
}
at_the_vendors
refused KeyVaultAccessForbidden set_by_policy
at_the_customers
az keyvault set-policy -n "$kvName-old" --object-id $servicePrincipalId --key-permissions get wrapKey unwrapKey
az keyvault show -n "$kvName-old" -g $customerRgName \
    --query "length(properties.accessPolicies[?objectId=='$servicePrincipalId'])" -o tsv | expect 1 "its access policies"
at_the_vendors
set_by_policy
at_the_customers
az role assignment list --scope $kvResourceId --query "[?principalId=='$servicePrincipalId'].roleDefinitionName" -o tsv \
    | expect "Key Vault Crypto Service Encryption User" "the application's role"
grant=$(az role assignment list --scope $kvResourceId --query "[?principalId=='$servicePrincipalId'].id" -o tsv)
az role assignment delete --ids "$grant"
az role assignment list --scope $kvResourceId --query "length([?principalId=='$servicePrincipalId'])" -o tsv \
    | expect 0 "the roles that the application has left"
at_the_vendors
refused KeyVaultAccessForbidden az disk-encryption-set create -g $isvRgName -n late --key-url "$newest" \
    --mi-user-assigned $myAssignedId --federated-client-id $multiTenantAppId -l $isvLocation
at_the_customers
az ad sp delete --id $multiTenantAppId
refused "does not exist" az ad sp show --id $multiTenantAppId
echo "passed  access policies, and taking access away"

# ---- Leaving ----------------------------------------------------------------------------------------------------------------
at_the_vendors
az group delete -n $isvRgName --yes
az group exists -n $isvRgName | expect false "whether the vendor's group is there"
at_the_customers
az group delete -n $customerRgName --yes
az group exists -n $customerRgName | expect false "whether the customer's group is there"
echo "passed  leaving"
