#!/usr/bin/env bash
# The commands of an onboarding's page, as they stand there, for a person who owns an empty subscription and nothing more
# (see people.sh for what it needs). COMMANDS is the file that the page's commands were written to. Only the words in
# capitals are replaced, by names.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
: "${COMMANDS:?}" "${CUSTOMER_TENANT:?}" "${VAULT_NAME:?}"

at_the_customers
az login --tenant "$CUSTOMER_TENANT" > /dev/null
while IFS= read -r command <&3; do
    command=$(sed -E "s/\bGROUP\b/my-keys/g; s/\bVAULT\b/$VAULT_NAME/g; s/\bKEY\b/disks/g" <<< "$command")
    eval "$command" > /dev/null
done 3< "$COMMANDS"
az keyvault key show --vault-name "$VAULT_NAME" --name disks --query key.kty --output tsv | expect RSA "the type of the key"
az keyvault show --name "$VAULT_NAME" --query properties.enablePurgeProtection --output tsv | expect true "purge protection"
echo "passed  the commands of the page, for an owner of an empty subscription"
