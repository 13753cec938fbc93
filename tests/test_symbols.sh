#!/bin/sh
# test_symbols.sh: what the library takes from outside, what it shows, and that it keeps no state.
#
#   test_symbols.sh FOLDER    the build's folder with libalertron.a and libalertron.so
set -eu

folder=$1
shared=$folder/libalertron.so
static=$folder/libalertron.a
status=0

# Memory and strings: nothing that reads or writes anything else.
allowed='malloc free memcpy memset memmove memcmp memchr strlen strcmp strncmp'
# What compilers, hardened builds and the loader add to any library.
allowed="$allowed __memcpy_chk __memset_chk __memmove_chk __stack_chk_fail
__cxa_finalize __gmon_start__ _ITM_deregisterTMCloneTable _ITM_registerTMCloneTable _GLOBAL_OFFSET_TABLE_
__udivti3 __umodti3 bcmp __cpu_model __cpu_indicator_init"

# Prints the names that stand on standard input, under a heading.
complain() {
    names=$(sort -u)
    if [ -n "$names" ]; then
        echo "$1:"
        echo "$names" | sed 's/^/    /'
        status=1
    fi
}

# Defined or undefined names without their version.
names() {
    nm "$@" | awk 'NF >= 2 { sub(/@.*/, "", $NF); print $NF }'
}

not_allowed() {
    awk -v allowed="$allowed" 'BEGIN { n = split(allowed, list, /[ \n]+/); for (i = 1; i <= n; i++) known[list[i]] = 1 }
                               !($1 in known)'
}

for library in "$shared" "$static"; do
    [ -e "$library" ] || { echo "$library is missing"; exit 1; }
done
exported=$(names -D --defined-only "$shared")
defined=$(names -g --defined-only "$static")
echo "$exported" | grep -qx alertron_model_load || { echo "$shared does not export alertron_model_load"; exit 1; }
echo "$defined" | grep -qx alertron_model_load || { echo "$static does not define alertron_model_load"; exit 1; }

complain "$shared exports" <<EOF
$(echo "$exported" | grep -v '^alertron_[a-z]' || true)
EOF
complain "$static defines for the linker" <<EOF
$(echo "$defined" | grep -v '^alertron_' || true)
EOF
complain "$shared takes from outside" <<EOF
$(names -D --undefined-only "$shared" | not_allowed)
EOF
complain "$static takes from outside" <<EOF
$(names --undefined-only "$static" | grep -v '^alertron_' | not_allowed)
EOF
# Sections for what can be written to; .data.rel.ro holds constants that the loader relocates and then locks.
complain "$static keeps in memory that can be written to" <<EOF
$(nm -f sysv --defined-only "$static" | awk -F'|' 'NF == 7 { gsub(/ /, ""); $0 = $0; split($0, field, "|")
    if (field[7] ~ /^(\.t?data|\.t?bss|\*COM\*)/ && field[7] !~ /^\.data\.rel\.ro/) print field[1] }')
EOF

[ $status -ne 0 ] || echo "$(echo "$exported" | wc -l) functions exported, all alertron_*"
exit $status
