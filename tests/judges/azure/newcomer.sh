#!/usr/bin/env bash
# What docs/operate/deploy.md tells a newcomer to type, taken from the page as it stands: the application, the resources, and
# what only exists then. (See people.sh for what it needs.)
#
# LATCHKEY names the tool, LATCHKEY_BICEP Microsoft's compiler, LATCHKEY_CUSTOM_URL the address of the app. Writes the names of
# what was made to $WORK/deployed.
. "$(dirname "${BASH_SOURCE[0]}")/people.sh"
: "${LATCHKEY:?}" "${LATCHKEY_BICEP:?}" "${LATCHKEY_CUSTOM_URL:?}"
project=$(cd "$here/../../.." && pwd)
page=$project/docs/operate/deploy.md
export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
mkdir -p "$WORK/bin"
ln -sf "$LATCHKEY_BICEP" "$WORK/bin/bicep"
ln -sf "$AZ" "$WORK/bin/az"
export PATH="$WORK/bin:$PATH"

# `cargo latchkey …` is the tool that is tested.
cargo() {
    shift
    "$LATCHKEY" "$@"
}

# `typed N M` types the M-th block of commands in the N-th step.
typed() {
    local commands
    commands=$(awk -v step="## $1." -v wanted="$2" '
        /^## / { inside = index($0, step) == 1; block = 0 }
        inside && /^```sh/ { block += 1; next }
        /^```/ { if (inside && block == wanted) exit }
        inside && block == wanted { print }' "$page")
    [ -n "$commands" ] || { echo "step $1 of $page has no block $2" >&2; return 1; }
    printf '%s\n' "$commands" >&2
    eval "$commands"
}

at_the_vendors
az login > /dev/null
az config set bicep.use_binary_from_path=true bicep.check_version=false 2> /dev/null
cd "$WORK"
# The page is written for the root of the checkout.
ln -sfn "$project/infra" infra

typed 1 1
echo "passed  1. The application"
typed 3 2
echo "passed  3. The resources"
typed 4 1
typed 4 2
echo "passed  4. What only exists now"
cat > "$WORK/deployed" <<NAMES
SUBSCRIPTION=$(az account show --query id -o tsv)
GROUP=$GROUP
NAMES
