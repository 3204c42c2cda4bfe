#!/usr/bin/env bash
# What infra/ describes, deployed by Azure CLI with Microsoft's Bicep compiler, with the parameters of each snapshot. What is there
# then is what Microsoft's deployment engine predicts, and a second time changes nothing. (See people.sh for what it needs.)
#
# LATCHKEY_BICEP names the compiler. LATCHKEY_BICEP_TYPES may name a folder with Bicep's types: they judge each body.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
: "${LATCHKEY_BICEP:?names the Bicep compiler of Microsoft}"
project=$(cd "$here/../../.." && pwd)
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
# Azure CLI takes the compiler that it finds by this name.
mkdir -p "$WORK/bin"
ln -sf "$LATCHKEY_BICEP" "$WORK/bin/bicep"
export PATH="$WORK/bin:$PATH"

at_the_vendors
az login > /dev/null
az config set bicep.use_binary_from_path=true bicep.check_version=false 2> /dev/null
subscription=$(az account show --query id -o tsv)
tenant=$(az account show --query tenantId -o tsv)
region=westeurope
az group create -n rg-contoso-disks -l northeurope > /dev/null

# `deploy NAME TIME` deploys one of them, and compares what is there then.
deploy() {
    local name=$1 parameters="$WORK/infra/snapshots/$1.bicepparam" made="$WORK/$1-$2"
    az deployment sub create -n "$name" -l $region -f "$WORK/infra/main.bicep" -p "$parameters" > "$made.json"
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["properties"]["provisioningState"])' "$made.json" \
        | expect Succeeded "the state of $name, the $2 time"
    judge "${parameters%.bicepparam}.snapshot.json" "$made.json" "$made-there.json"
}

judge() {
    TOKEN=$(az account get-access-token --query accessToken -o tsv) python3 "$project/tests/judges/infra/deployed.py" "$@" \
        "${LATCHKEY_BICEP_TYPES:-}"
}

# `planted WORDS` passes only if the judge finds what was changed in a snapshot, and says so.
planted() {
    local said
    if said=$(judge "$WORK/planted.snapshot.json" "$WORK/default-first.json" "$WORK/planted.json" 2>&1); then
        printf 'not found: %s\n' "$1" >&2
        return 1
    fi
    case $said in *"$1"*) ;; *) printf 'expected %s, found: %s\n' "$1" "$said" >&2; return 1 ;; esac
}

cp -r "$project/infra" "$WORK/infra"
for parameters in "$WORK"/infra/snapshots/*.bicepparam; do
    name=$(basename "$parameters" .bicepparam)
    # A deployment of its own: the same templates, under another name.
    sed -i "s/^param environmentName = .*/param environmentName = '$name'/" "$parameters"
    bicep snapshot "$parameters" --mode overwrite --subscription-id "$subscription" --tenant-id "$tenant" \
        --location $region > /dev/null
    deploy "$name" first
done
az deployment sub validate -n private-network -l $region -f "$WORK/infra/main.bicep" \
    -p "$WORK/infra/snapshots/private-network.bicepparam" --query properties.provisioningState -o tsv \
    | expect Succeeded "what validation says"
# It has every type of resource that the others have.
deploy private-network second
cmp "$WORK/private-network-first-there.json" "$WORK/private-network-second-there.json"
echo "passed  the second time changes nothing"

default="$WORK/infra/snapshots/default.snapshot.json"
sed 's/"maxDeliveryCount": 10/"maxDeliveryCount": 11/' "$default" > "$WORK/planted.snapshot.json"
planted "maxDeliveryCount: 10, not 11"
sed 's/"lockDuration"/"lockTime"/' "$default" > "$WORK/planted.snapshot.json"
planted "lockTime: None, not 'PT1M'"
if [ -n "${LATCHKEY_BICEP_TYPES:-}" ]; then planted "lockTime is not in the type"; fi
python3 -c '
import json, sys
snapshot = json.load(sys.stdin)
kept = [one for one in snapshot["predictedResources"] if "ServiceBus" not in one["id"]]
json.dump(dict(snapshot, predictedResources=kept), sys.stdout)' < "$default" > "$WORK/planted.snapshot.json"
planted "was not predicted"
echo "passed  what is planted in a prediction is found"

az deployment sub list --query 'length(@)' -o tsv | expect 4 "how many deployments the subscription has"
az deployment operation sub list -n default --query "[?properties.targetResource.resourceName=='app'].properties.provisioningState" \
    -o tsv | expect Succeeded "what became of the module of the app"
az deployment group show -g rg-latchkey-default -n storage --query properties.outputs.journalContainer.value -o tsv \
    | expect latchkey "an output of a module"
echo "passed  the deployments as az shows them"
