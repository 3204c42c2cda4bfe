#!/usr/bin/env bash
# The life of an application and of its service principals: disabled, deleted, restored, made again; limits and duplicates;
# and policies that keep it out. Stands alone. See people.sh for what it needs; OWN_URL is the sandbox's own address.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
: "${OWN_URL:?}" "${CUSTOMER_TENANT:?}"

# `forbid '"POLICY"'` says what the customer's administrators forbid from now on.
forbid() {
    curl --silent --show-error --fail --noproxy '*' -X PUT -H 'content-type: application/json' \
        --data "{\"policies\": [$1]}" "$OWN_URL/control/tenants/$CUSTOMER_TENANT/policies" > /dev/null
}

# The application itself, with its secret, each time at a new terminal: az would go on with the token that it has.
the_application_signs_in() {
    AZURE_CONFIG_DIR=$(mktemp -d -p "$WORK") az login --service-principal --allow-no-subscriptions \
        --username "$appId" --password "$secret" --tenant "$CUSTOMER_TENANT" > /dev/null
}

# ---- Set up -----------------------------------------------------------------------------------------------------------
at_the_vendors
az login > /dev/null
appId=$(az ad app create --display-name directory-judge --sign-in-audience AzureADMultipleOrgs --query appId -o tsv)
objectId=$(az ad app show --id "$appId" --query id -o tsv)
secret=$(az ad app credential reset --id "$appId" --query password -o tsv)
at_the_customers
az login > /dev/null
refused 7000229 the_application_signs_in
az ad sp create --id "$appId"
refused "already" az rest --method post --url https://graph.microsoft.com/v1.0/servicePrincipals \
    --body "{\"appId\": \"$appId\"}"
the_application_signs_in
echo "passed  an application is let in once"

# ---- Disabled, deleted, let in again ------------------------------------------------------------------------------------
az ad sp update --id "$appId" --set accountEnabled=false
az ad sp show --id "$appId" --query accountEnabled -o tsv | expect false "whether the service principal is enabled"
refused 7000112 the_application_signs_in
az ad sp update --id "$appId" --set accountEnabled=true
the_application_signs_in
first=$(az ad sp show --id "$appId" --query id -o tsv)
az ad sp delete --id "$appId"
refused 7000229 the_application_signs_in
second=$(az ad sp create --id "$appId" --query id -o tsv)
[ "$first" != "$second" ] || { echo "the same service principal again: $first" >&2; exit 1; }
the_application_signs_in
az rest --url "https://graph.microsoft.com/v1.0/directory/deletedItems/$first" --query id -o tsv \
    | expect "$first" "the service principal that was deleted"
az rest --method delete --url "https://graph.microsoft.com/v1.0/directory/deletedItems/$first"
echo "passed  a service principal is disabled, enabled, deleted and made again"

# ---- Policies ---------------------------------------------------------------------------------------------------------
for policy in conditionalAccess:53003 inboundAccess:500213 administratorConsent:90094 riskyApplication:900941; do
    forbid "\"${policy%:*}\""
    refused "AADSTS${policy#*:}" the_application_signs_in
done
forbid ''
the_application_signs_in
echo "passed  policies keep the application out until they are lifted"

# ---- Federated credentials ----------------------------------------------------------------------------------------------
at_the_vendors
credential() {
    printf '{"name": "number-%s", "issuer": "https://issuer.example", "subject": "%s", "audiences": ["a"]}' "$1" "$2"
}
az ad app federated-credential create --id "$objectId" --parameters "$(credential 1 one)"
refused "already exists" az ad app federated-credential create --id "$objectId" --parameters "$(credential 1 two)"
az ad app federated-credential update --id "$objectId" --federated-credential-id number-1 \
    --parameters "$(credential 1 changed)"
az ad app federated-credential show --id "$objectId" --federated-credential-id number-1 --query subject -o tsv \
    | expect changed "the subject that was changed"
for number in $(seq 2 20); do
    az rest --method post --body "$(credential "$number" "$number")" \
        --url "https://graph.microsoft.com/v1.0/applications/$objectId/federatedIdentityCredentials" > /dev/null
done
refused "maximum number" az ad app federated-credential create --id "$objectId" --parameters "$(credential 21 more)"
echo "passed  federated credentials: no duplicates, twenty at most"

# ---- Deleted and restored -------------------------------------------------------------------------------------------------
az ad app delete --id "$appId"
refused "not" az ad app show --id "$appId"
refused AADSTS700016 the_application_signs_in
az rest --url https://graph.microsoft.com/v1.0/directory/deletedItems/microsoft.graph.application \
    --query "value[?appId=='$appId'].id" -o tsv | expect "$objectId" "the deleted application"
az rest --method post --url "https://graph.microsoft.com/v1.0/directory/deletedItems/$objectId/restore"
az ad app show --id "$appId" --query displayName -o tsv | expect directory-judge "the name of what was restored"
az ad app federated-credential list --id "$objectId" --query 'length(@)' -o tsv | expect 20 "its credentials"
the_application_signs_in
echo "passed  an application is deleted and restored"
