#!/bin/sh
# test_sources.sh: the sources compile without any option of ours, the header in C and in C++. Arguments: common.sh
# shellcheck source=tests/embedding/common.sh
. "$(dirname "$0")/common.sh"
need gcc gcc
need g++ g++
need clang clang

cp "$root"/libalertron/*.c "$root"/libalertron/*.h .
for cc in gcc clang; do
    $cc -Werror -fsyntax-only ./*.c
done
if grep -nE '"[^"]*%[-+ #0-9.*hjtLlz]*[aefgAEFGpoXinc]' ./*.c; then
    fail "alertron__text does not know these conversions"
fi
echo '#include "alertron.h"' > user.c
printf '#include "alertron.h"\n#include "alertron.h"\nstatic alertron_error error;\nint main() { return error.status; }\n' \
    > user.cpp
for cc in gcc clang; do
    $cc -std=c11 -Wall -Wextra -pedantic -Werror -fsyntax-only user.c
    $cc -std=c++17 -Wall -Wextra -pedantic -Werror -fsyntax-only user.cpp
done
