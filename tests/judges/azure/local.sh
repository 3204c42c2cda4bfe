#!/usr/bin/env bash
# Azure CLI in a cloud that it was told of: names under localhost, without the proxy. Runs in the environment that
# `latchkey sandbox --profile local` writes; AZ is the program, SECRET the file with the customer's administrator's secret.
set -euo pipefail
: "${AZ:?}" "${SECRET:?}" "${SANDBOX_CLOUD:?}" "${SANDBOX_CUSTOMER_TENANT_ID:?}"
export AZURE_CORE_NO_COLOR=1 AZURE_CORE_ONLY_SHOW_ERRORS=1

az() {
    printf 'az %s\n' "$1 $2" >&2
    "$AZ" "$@"
}

az cloud register -n sandbox --skip-endpoint-discovery --cloud-config "@$SANDBOX_CLOUD"
az cloud set -n sandbox
az login --service-principal --tenant "$SANDBOX_CUSTOMER_TENANT_ID" --username "$SANDBOX_CUSTOMER_CLIENT_ID" \
    --password "$(cat "$SECRET")" > /dev/null
echo "passed  a cloud is registered and signed in to"

az ad app create --display-name local-judge --query appId -o tsv > /dev/null
az group create -n local -l westeurope > /dev/null
uri=$(az keyvault create -n local-judge -g local -l westeurope --enable-rbac-authorization true --query properties.vaultUri -o tsv)
case $uri in
    "https://local-judge$SANDBOX_VAULT_SUFFIX"*) ;;
    *) echo "the vault says that it is at $uri" >&2; exit 1 ;;
esac
kid=$(az keyvault key create --vault-name local-judge -n disks --query key.kid -o tsv)
[ "$(az keyvault key show --id "$kid" --query key.kid -o tsv)" = "$kid" ]
az disk-encryption-set create -n local -g local -l westeurope --key-url "$kid" > /dev/null
[ "$(az disk-encryption-set show -n local -g local --query activeKey.keyUrl -o tsv)" = "$kid" ]
echo "passed  Graph, Resource Manager, a vault and a long-running operation under local names"
