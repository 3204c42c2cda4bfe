# Sourced by the scripts beside it: who sits at which terminal.
#
# Needs: AZ (the program), WORK (a folder of its own), VENDOR_USER and CUSTOMER_USER (names to sign in with), and the
# addresses of the simulated Azure: HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE.
set -euo pipefail

: "${AZ:?says which az to run}" "${WORK:?names a scratch folder}" "${HTTPS_PROXY:?}" "${REQUESTS_CA_BUNDLE:?}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export BROWSER="python3 $here/browser.py %s &"
export AZURE_CORE_COLLECT_TELEMETRY=0 AZURE_CORE_LOGIN_EXPERIENCE_V2=off AZURE_CORE_NO_COLOR=1
export AZURE_CORE_ONLY_SHOW_ERRORS=1 AZURE_CORE_OUTPUT=json

# Each party has its own terminal, signed in at its own tenant.
at_the_vendors() {
    export AZURE_CONFIG_DIR="$WORK/az-vendor" SIGN_IN_AS="$VENDOR_USER"
}

at_the_customers() {
    export AZURE_CONFIG_DIR="$WORK/az-customer" SIGN_IN_AS="$CUSTOMER_USER"
}

# The article's own word. Every call is named in the log, with its exit status when that is not 0.
az() {
    printf 'az %s\n' "$*" >&2
    "$AZ" "$@"
}

# `expect WORD WHAT` fails loudly when standard input is something else.
expect() {
    local found
    found=$(cat)
    [ "$found" = "$1" ] || { printf 'expected %s: "%s", found "%s"\n' "$2" "$1" "$found" >&2; return 1; }
}

# `refused CODE az ...` passes only if the command fails and names the code.
refused() {
    local code=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'expected a refusal (%s) of: %s\n' "$code" "$*" >&2
        return 1
    fi
    case $said in
        *"$code"*) printf '  refused as it should be: %s\n' "$code" >&2 ;;
        *) printf 'expected %s, found: %s\n' "$code" "$said" >&2; return 1 ;;
    esac
}
