#!/bin/sh
# test_hardening.sh: what the linker wrote about alertrond and libalertron: that cmake/harden.cmake had its effect.
#
#   test_hardening.sh FILE...    programs and shared libraries
#
# A compiler that knows no option for one of these leaves it out: then this test says so, by failing.
set -eu

status=0

# expect TEXT PATTERN WHAT: a line of the text matches; refuse: none does.
expect() {
    printf '%s\n' "$1" | grep -Eq -e "$2" || { echo "$file: $3"; status=1; }
}
refuse() {
    ! printf '%s\n' "$1" | grep -E -e "$2" || { echo "$file: $3"; status=1; }
}

for file; do
    [ -e "$file" ] || { echo "$file is missing"; exit 1; }
    header=$(readelf -W -h "$file") headers=$(readelf -W -l "$file") sections=$(readelf -W -S "$file")
    dynamic=$(readelf -W -d "$file") symbols=$(readelf -W --dyn-syms "$file")
    expect "$header" 'Type: +DYN' 'its addresses are fixed: no PIE'
    expect "$headers" 'GNU_RELRO' 'no RELRO: what the loader has written stays writable'
    expect "$dynamic" 'BIND_NOW|FLAGS.* NOW' 'no -z now: symbols are bound when they are first used'
    refuse "$sections" ' \.got\.plt ' 'the table of functions stays writable'
    expect "$headers" 'GNU_STACK.* RW +0x' 'its stack may be executable'
    refuse "$headers" 'LOAD.* RWE ' 'memory that is both written and executed'
    refuse "$dynamic" 'RPATH|RUNPATH' 'it looks for libraries in folders of its own'
    refuse "$dynamic" 'TEXTREL' 'its code is changed when it is loaded'
    expect "$symbols" '__stack_chk_fail' 'no stack protector'
    expect "$symbols" '__[a-z]+_chk@' 'no checks of glibc: _FORTIFY_SOURCE'
    # The mark in the file's notes needs a C library built so too; the landing pads are ours alone.
    if [ "$(uname -m)" = x86_64 ] && [ "$(objdump -d "$file" | grep -c endbr64)" -lt 100 ]; then
        echo "$file: no -fcf-protection"
        status=1
    fi
done

[ $status -ne 0 ] || echo "$# files: PIE, RELRO, NOW, NX, stack protector, FORTIFY"
exit $status
