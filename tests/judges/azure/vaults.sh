#!/usr/bin/env bash
# What the article takes for granted of a vault: policies of rotation, keys from OpenSSL, deletion and recovery. By the
# vendor's automation at a vault of its own (see people.sh for what it needs, and VENDOR_TENANT, VENDOR_CLIENT, VENDOR_SECRET).
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
export AZURE_CONFIG_DIR="$WORK/az-vaults"
az login --service-principal --username "$VENDOR_CLIENT" --password "$VENDOR_SECRET" --tenant "$VENDOR_TENANT" \
    > "$WORK/vaults-login.json"
group=vaults-judge
vault=kv-vaults-judge
az group create -n $group -l westcentralus
az keyvault create -n $vault -g $group -l westcentralus --retention-days 7 --enable-rbac-authorization true
echo "vault=$vault" > "$WORK/vault-name"

# ---- Rotation by policy ---------------------------------------------------------------------------------------------
az keyvault key create --vault-name $vault -n rotating
az keyvault key rotation-policy show --vault-name $vault -n rotating --query 'lifetimeActions[0].timeBeforeExpiry' -o tsv \
    | expect P30D "when the end of a key without a policy is announced"
cat > "$WORK/policy.json" <<JSON
{"lifetimeActions": [{"trigger": {"timeAfterCreate": "P15D"}, "action": {"type": "Rotate"}},
    {"trigger": {"timeBeforeExpiry": "P7D"}, "action": {"type": "Notify"}}], "attributes": {"expiryTime": "P30D"}}
JSON
az keyvault key rotation-policy update --vault-name $vault -n rotating --value "$WORK/policy.json" --query expiresIn -o tsv \
    | expect P30D "the expiry in a policy"
az keyvault key rotation-policy show --vault-name $vault -n rotating --query 'length(lifetimeActions)' -o tsv \
    | expect 2 "the number of its actions"
sed s/P15D/P5D/ "$WORK/policy.json" > "$WORK/hasty.json"
refused BadParameter az keyvault key rotation-policy update --vault-name $vault -n rotating --value "$WORK/hasty.json"
az keyvault key rotate --vault-name $vault -n rotating --query 'attributes.expires != null' -o tsv \
    | expect true "whether a rotated version expires"
az keyvault key list-versions --vault-name $vault -n rotating --query 'length(@)' -o tsv | expect 2 "the versions"
echo "passed  rotation policies by Azure CLI"

# ---- A key from OpenSSL ---------------------------------------------------------------------------------------------
if command -v openssl > /dev/null; then
    openssl genrsa -out "$WORK/private.pem" 3072 2> "$WORK/genrsa.log"
    az keyvault key import --vault-name $vault -n imported --pem-file "$WORK/private.pem" --query key.kty -o tsv \
        | expect RSA "the type of an imported key"
    printf 'a data key' > "$WORK/plain"
    az keyvault key encrypt --vault-name $vault -n imported --algorithm RSA-OAEP-256 --data-type plaintext \
        --value "$(cat "$WORK/plain")" --query result -o tsv | base64 -d > "$WORK/cipher"
    openssl pkeyutl -decrypt -inkey "$WORK/private.pem" -in "$WORK/cipher" \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 | expect "a data key" "what OpenSSL decrypts"
    openssl pkeyutl -encrypt -inkey "$WORK/private.pem" -in "$WORK/plain" -out "$WORK/cipher" \
        -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
    az keyvault key decrypt --vault-name $vault -n imported --algorithm RSA-OAEP-256 --data-type base64 \
        --value "$(base64 -w0 "$WORK/cipher")" --query result -o tsv | base64 -d | expect "a data key" "what the vault decrypts"
    echo "passed  a key of OpenSSL's, both ways"
fi

# ---- Pages, and deleted keys ----------------------------------------------------------------------------------------
for name in page1 page2 page3; do az keyvault key create --vault-name $vault -n $name; done
az keyvault key list --vault-name $vault --query "length([?starts_with(name, 'page')])" -o tsv | expect 3 "the keys listed"
az keyvault key delete --vault-name $vault -n page3
az keyvault key list-deleted --vault-name $vault --query '[].name' -o tsv | expect page3 "the deleted key"
az keyvault key show-deleted --vault-name $vault -n page3 --query key.kty -o tsv | expect RSA "its type"
az keyvault key recover --vault-name $vault -n page3
az keyvault key show --vault-name $vault -n page3 --query attributes.recoveryLevel -o tsv \
    | expect CustomizedRecoverable+Purgeable "what a vault with seven days and no protection says of deletion"
az keyvault key delete --vault-name $vault -n page3
az keyvault key purge --vault-name $vault -n page3
az keyvault key list-deleted --vault-name $vault --query 'length(@)' -o tsv | expect 0 "the deleted keys after a purge"
echo "passed  deleted keys by Azure CLI"

# ---- Deleted vaults -------------------------------------------------------------------------------------------------
az keyvault create -n $vault-2 -g $group -l westcentralus --enable-rbac-authorization true
kid=$(az keyvault key create --vault-name $vault-2 -n kept --query key.kid -o tsv)
az keyvault delete -n $vault-2 -g $group
az keyvault list-deleted --resource-type vault --query '[].name' -o tsv | expect $vault-2 "the deleted vault"
az keyvault show-deleted -n $vault-2 --query properties.location -o tsv | expect westcentralus "where it was"
refused "deleted state" az keyvault create -n $vault-2 -g $group -l westcentralus
az keyvault recover -n $vault-2
az keyvault key show --vault-name $vault-2 -n kept --query key.kid -o tsv | expect "$kid" "the key that came back"
az keyvault delete -n $vault-2 -g $group
az keyvault purge -n $vault-2
az keyvault list-deleted --resource-type vault --query 'length(@)' -o tsv | expect 0 "the deleted vaults after a purge"
az keyvault create -n $vault-3 -g $group -l westcentralus --enable-purge-protection true
az keyvault delete -n $vault-3 -g $group
refused DeletedVaultPurge az keyvault purge -n $vault-3
az keyvault recover -n $vault-3
echo "passed  deleted vaults by Azure CLI"

# ---- A managed HSM --------------------------------------------------------------------------------------------------
hsm=hsm-vaults-judge
me=$(az ad sp show --id "$VENDOR_CLIENT" --query id -o tsv)
az keyvault create --hsm-name $hsm -g $group -l westcentralus --retention-days 7 --administrators "$me"
az keyvault show --hsm-name $hsm --query properties.hsmUri -o tsv \
    | expect https://$hsm.managedhsm.azure.net/ "where the HSM is"
kid=$(az keyvault key create --hsm-name $hsm -n disks --kty RSA-HSM --size 3072 --query key.kid -o tsv)
az keyvault key show --hsm-name $hsm -n disks --query key.kty -o tsv | expect RSA-HSM "the type of its key"
principal=$(az identity create -g $group -n uses-the-hsm -l westcentralus --query principalId -o tsv)
identity=$(az identity show -g $group -n uses-the-hsm --query id -o tsv)
refused KeyVaultAccessForbidden az disk-encryption-set create -g $group -n on-hsm --key-url "$kid" -l westcentralus \
    --mi-user-assigned "$identity"
az keyvault role assignment create --hsm-name $hsm --role "Managed HSM Crypto Service Encryption User" \
    --assignee-object-id "$principal" --scope /keys/disks
az keyvault role assignment list --hsm-name $hsm --query "[?principalId=='$principal'].scope" -o tsv \
    | expect /keys/disks "where the identity has its local role"
az disk-encryption-set create -g $group -n on-hsm --key-url "$kid" -l westcentralus \
    --mi-user-assigned "$identity" --enable-auto-key-rotation true
newest=$(az keyvault key rotate --hsm-name $hsm -n disks --query key.kid -o tsv)
az disk-encryption-set show -g $group -n on-hsm --query activeKey.keyUrl -o tsv | expect "$newest" "the key that it follows"
az keyvault role assignment delete --hsm-name $hsm --role "Managed HSM Crypto Service Encryption User" \
    --assignee-object-id "$principal" --scope /keys/disks
az keyvault delete --hsm-name $hsm -g $group
az keyvault list-deleted --query '[].name' -o tsv | expect $hsm "the deleted HSM"
az keyvault purge --hsm-name $hsm
echo "passed  a managed HSM by Azure CLI"
