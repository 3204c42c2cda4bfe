#!/usr/bin/env bash
# The commands of the last page of an onboarding that left, as they stand there, for the tenant's administrator (see
# people.sh for what it needs). COMMANDS is the file that the page's commands were written to.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
: "${COMMANDS:?}" "${CUSTOMER_TENANT:?}"

at_the_customers
az login --tenant "$CUSTOMER_TENANT" > /dev/null
while IFS= read -r command <&3; do
    eval "$command" > /dev/null
done 3< "$COMMANDS"
echo "passed  the commands of the last page, for the tenant's administrator"
