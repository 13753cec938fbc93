#!/bin/sh
# test_bare_metal.sh: on emulated Cortex-M machines the library gives the host's answers, with no C start-up, heap or
# system calls. Arguments: common.sh
# shellcheck disable=SC2086 # options are words
# shellcheck source=tests/embedding/common.sh
. "$(dirname "$0")/common.sh"
need arm-none-eabi-gcc gcc-arm-none-eabi
need qemu-system-arm qemu-system-arm
printf '#include <string.h>\n' | arm-none-eabi-gcc -E - > /dev/null 2>&1 ||
    { echo "skipped: newlib is missing (Debian's package libnewlib-arm-none-eabi)"; exit 77; }

# compile OBJECT OPTION...
compile() {
    object=$1
    shift
    arm-none-eabi-gcc -mthumb -mfloat-abi=hard -ffunction-sections -fdata-sections -Wall -Wextra -pedantic -Werror \
        -DMODEL_FILE="\"$model\"" -DALERTRON_NO_MALLOC -I "$amalgamation" "$@" -c -o "$object"
}

# link PROGRAM OBJECT...: without start-up files and system calls, so that what needs them fails to link.
link() {
    program=$1
    shift
    arm-none-eabi-gcc -mthumb -mfloat-abi=hard $cpu "$@" -nostartfiles -T "$here/bare_metal.ld" -Wl,--gc-sections \
        -o "$program"
    if arm-none-eabi-nm "$program" | grep -E ' (malloc|_?free|_?sbrk|_?write|.*printf)(_r)?$'; then
        fail "$program has a heap or files"
    fi
}

emulate() {
    timeout 60 qemu-system-arm -nographic -semihosting-config enable=on,target=native -M "$1" -kernel "$2"
}

# compare MACHINE FILE: as same_answers
compare() {
    emulate "$1" "$2" > actual 2>&1 < /dev/null || fail "$2 on $1: $(cat actual)"
    diff expected actual || fail "$2 on $1 has other answers than the host"
    echo "$2: the same answers"
}

# machine CPU BOARD OPTION...: the whole of the answers, on one machine. Leaves alertron-CPU.o.
machine() {
    name=$1 board=$2
    shift 2
    cpu="-mcpu=$name $*"
    compile "alertron-$name.o" $cpu "$amalgamation/alertron.c"
    not_fused arm-none-eabi-objdump "alertron-$name.o"
    compile answers.o $cpu "$here/answers.c"
    compile main.o $cpu "$here/bare_metal.c"
    link "$name" "alertron-$name.o" answers.o main.o
    compare "$board" "$name"
}

machine cortex-m7 mps2-an500 -mfpu=fpv5-d16 -O2
machine cortex-m4 mps2-an386 -mfpu=fpv4-sp-d16 -Os

compile main.o $cpu -DSCORE_ONLY "$here/bare_metal.c"
compile own.o $cpu -DALERTRON_NO_PICKLE "$amalgamation/alertron.c"
compile least.o $cpu -DALERTRON_NO_PICKLE -DALERTRON_NO_TESTS "$amalgamation/alertron.c"
link score_any alertron-cortex-m4.o main.o
link score_own own.o main.o
link score_least least.o main.o
emulate mps2-an386 score_least < /dev/null || fail "score_least does not score"

model_bytes=$(wc -c < "$model")
echo "Cortex-M4, -Os, in bytes of code and constants:"
echo "    $(code_bytes arm-none-eabi-size alertron-cortex-m4.o) the whole library"
echo "    $(($(code_bytes arm-none-eabi-size score_any) - model_bytes)) a program that loads any model and scores"
echo "    $(($(code_bytes arm-none-eabi-size score_own) - model_bytes)) the same with ALERTRON_NO_PICKLE"
echo "    $(($(code_bytes arm-none-eabi-size score_least) - model_bytes)) the same with ALERTRON_NO_TESTS too"
