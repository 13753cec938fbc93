#!/bin/sh
# test_amalgamation.sh: alertron.c alone, as a user compiles it, is the library. Arguments: common.sh
# shellcheck source=tests/embedding/common.sh
. "$(dirname "$0")/common.sh"
need gcc gcc
need clang clang
warnings='-Wall -Wextra -Wconversion -pedantic -Werror'

for cc in gcc clang; do
    # Without -O some of GCC's intrinsics are macros, in which -Wconversion finds fault.
    # shellcheck disable=SC2086
    $cc -std=c11 -O1 $warnings -fsyntax-only "$amalgamation/alertron.c"
    # GNU C, and all that this machine can do: what would fuse a product with a sum.
    native=-march=native
    $cc $native -E -x c /dev/null > /dev/null 2>&1 || native=
    # shellcheck disable=SC2086
    $cc -O2 $native $warnings -c "$amalgamation/alertron.c" -o $cc.o
    not_fused objdump $cc.o
    $cc -O2 -I "$amalgamation" "$here/hosted.c" "$here/answers.c" $cc.o -lm -o $cc
    same_answers "$cc -O2 $native" ./$cc
    for option in -ffast-math -ffinite-math-only; do
        if $cc -O2 $option -fsyntax-only "$amalgamation/alertron.c" 2> refusal; then
            fail "$cc takes $option"
        fi
        grep -q 'needs IEEE arithmetic' refusal || fail "$cc refuses $option for another reason: $(cat refusal)"
    done
done

gcc -O2 -c "$amalgamation/alertron.c" -o plain.o
echo "the whole library, gcc -O2, $(uname -m): $(code_bytes size plain.o) bytes of code and constants"

# What it takes from outside and what it shows.
gcc -O1 -fPIC -fvisibility=hidden -c "$amalgamation/alertron.c" -o symbols.o
ar rcs libalertron.a symbols.o
gcc -shared symbols.o -o libalertron.so
sh "$root/tests/test_symbols.sh" "$scratch"
