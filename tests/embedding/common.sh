# shellcheck shell=sh disable=SC2034
# common.sh: what the tests of embedding share; they source it. Each is called with
#
#   TEST.sh AMALGAMATION ANSWERS    the folder of alertron.c and alertron.h; a program linked with the build's library
#
# and must give the answers that the program gives. A scratch folder is the working directory.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
amalgamation=$1
model=$root/tests/data/model-v1.alertron
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$2" "$model" > "$scratch/expected"
cd "$scratch"

fail() {
    echo "FAILED: $*"
    exit 1
}

# need TOOL PACKAGE: ctest calls a test that ends with 77 skipped.
need() {
    command -v "$1" > /dev/null && return
    echo "skipped: $1 is missing (Debian's package $2)"
    exit 77
}

# same_answers WHAT PROGRAM...: runs it with the model's file.
same_answers() {
    what=$1
    shift
    "$@" "$model" > actual 2>&1 || fail "$what did not run: $(cat actual)"
    diff expected actual || fail "$what has other answers than the library"
    echo "$what: the same answers"
}

# No product may be fused with a sum, whatever the options: not_fused OBJDUMP FILE
not_fused() {
    "$1" -d "$2" > assembly
    grep -q '[[:space:]]ret\|[[:space:]]bx\|[[:space:]]br\|[[:space:]]pop' assembly || fail "$1 shows no code of $2"
    if grep -E '[[:space:]](vfn?m(add|sub)|fn?m(add|sub|la|ls)|vfn?m[as]|vfms|w?fm[as]db|m[as]db)' assembly; then
        fail "$2 has instructions that round a product and a sum once"
    fi
}

# The code and constants of a file, in bytes: code_bytes SIZE FILE
code_bytes() {
    "$1" "$2" | awk 'NR == 2 { print $1 }'
}
