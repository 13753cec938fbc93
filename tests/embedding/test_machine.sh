#!/bin/sh
# test_machine.sh AMALGAMATION ANSWERS TRIPLET EMULATOR: another processor gives this one's answers, compiled in GNU mode
# and without any option that would keep a product and a sum apart.
# shellcheck source=tests/embedding/common.sh
. "$(dirname "$0")/common.sh"
need "$3-gcc" "gcc-$3"
need "$4" qemu-user
"$3-gcc" -O2 -c "$amalgamation/alertron.c" -o alertron.o
"$3-gcc" -O2 -static -I "$amalgamation" "$here/hosted.c" "$here/answers.c" alertron.o -o program
not_fused "$3-objdump" alertron.o
same_answers "$3" "$4" ./program
