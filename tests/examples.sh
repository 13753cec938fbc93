#!/bin/sh
# examples.sh: the programs in examples/, built and run outside of this tree as the comment at their top says.
#
#   examples.sh NAME BUILD CMAKE     NAME: c, cpp, embed, go or rust
#
# `c` comes first: it installs what BUILD has built into BUILD/examples/installed, and leaves in BUILD/examples/c what
# the others are compared with. Each works on copies of its files in BUILD/examples/NAME; nothing is left in the source.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
name=$1
build=$2
cmake=$3
installed=$build/examples/installed
c=$build/examples/c
readings='72.1 141.3 0.98 50 100 0.5 61 118 0.7'
# A model of scikit-learn's own, of two features without names.
sklearn=$root/tests/data/sklearn/1.2.2_dict_robust_float32.joblib
sklearn_readings='9 -9 0 0 1e300 50'

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# need TOOL PACKAGE: ctest calls a test that ends with 77 skipped.
need() {
    command -v "$1" > /dev/null && return
    echo "skipped: $1 is missing (Debian's package $2)"
    exit 77
}

# as_its_comment_says FILE: runs the commands in the comment at its top: the lines that are indented there. They stand
# in README.md as well.
as_its_comment_says() {
    tab=$(printf '\t')
    sed -nE '/^( \*|\/\/)/!{1!q;}; s,^( \*|//!?)(    |'"$tab"') *,,p' "$1" > commands
    [ -s commands ] || fail "$1 does not say how it is built"
    while IFS= read -r command; do
        echo "$command"
        grep -qF "\`$command\`" "$root/examples/README.md" || fail "examples/README.md does not have it"
    done < commands
    sh -eu commands > output 2>&1 || fail "it ends with $?: $(cat output)"
}

# results PROGRAM: which takes a model and numbers.
results() {
    # shellcheck disable=SC2086 # lists of numbers
    { "$1" pump.alertron $readings && "$1" "$sklearn" $sklearn_readings; } || fail "$1 ends with $?"
}

# same_results PROGRAM: what score.c says, for the same readings, from the same models.
same_results() {
    results "$1" > actual
    diff "$c/expected" actual || fail "$1 has other results than score.c"
}

# refuses PROGRAM TEXT ARGUMENT...: it ends with 1, says TEXT and prints no result.
refuses() {
    program=$1 text=$2 status=0
    shift 2
    "$program" "$@" > actual 2> said || status=$?
    [ $status -eq 1 ] || fail "$program $* ends with $status"
    grep -qiF "$text" said || fail "$program $* does not say '$text': $(cat said)"
    [ ! -s actual ] || fail "$program $* prints: $(cat actual)"
}

# refuses_mistakes PROGRAM
refuses_mistakes() {
    status=0
    "$1" > /dev/null 2>&1 || status=$?
    [ $status -eq 2 ] || fail "$1 without arguments ends with $status"
    refuses "$1" 'missing.alertron: no such file' missing.alertron 1 2 3
    refuses "$1" "pump.csv: $(cat "$c/no_model")" pump.csv 1 2 3
    refuses "$1" "'1,5' is not a number" pump.alertron 1 1,5 2
    refuses "$1" '4 numbers given; a reading takes 3' pump.alertron 1 2 3 4
}

# train_refuses TEXT CSV
train_refuses() {
    printf '%b' "$2" > bad.csv
    status=0
    ./train bad.alertron < bad.csv > actual 2> said || status=$?
    [ $status -eq 1 ] || fail "train ends with $status: $2"
    grep -qF "$1" said || fail "train does not say '$1': $(cat said)"
    [ ! -e bad.alertron ] || fail "train writes a model: $2"
}

example_c() {
    "$cmake" --install "$build" --prefix "$installed" > install.log || fail "$(cat install.log)"
    cp "$root"/examples/*.c "$root/examples/pump.csv" .
    as_its_comment_says train.c
    cat output
    train_refuses 'line 3 is not 2 numbers' 'a,b\n1,2\n1,x\n'
    train_refuses 'line 2 is not 2 numbers' 'a,b\n1\n'
    train_refuses 'line 2 is not 2 numbers' 'a,b\n1,2,3\n'
    train_refuses 'line 3 is not 2 numbers' 'a,b\n1,2\n\n1,2\n'
    train_refuses 'line 2 can' "a,b\n$(printf '%5000d' 0),1\n"
    train_refuses 'no header' ''
    ./train crlf.alertron > /dev/null << END
$(sed 's/$/\r/' pump.csv)
END
    cmp pump.alertron crlf.alertron || fail "lines that end as Windows' do give another model"

    as_its_comment_says score.c
    cat output
    results ./score > expected
    cat expected
    severities=$(cut -d ' ' -f 2 expected | paste -sd ' ')
    [ "$severities" = 'high none low medium none high' ] || fail "those are not the severities"
    grep -qE '^0\.[0-9]{3} high  temperature 0\.[0-9]{2}  pressure 0\.[0-9]{2}  vibration 0\.[0-9]{2}$' expected ||
        fail "an anomaly has no shares"
    grep -qF '  feature 0 1.00  feature 1 0.00' expected || fail "features without names have none"
    ./score pump.csv 1 2>&1 | sed 's/^pump.csv: //' > no_model
    [ -s no_model ] || fail "pump.csv passes for a model"
    refuses_mistakes ./score

    as_its_comment_says metrics.c
    grep -qF 'pump_anomalies_total{device_id="pump-7",severity="high"} 2' output || fail "$(cat output)"
}

example_cpp() {
    need g++ g++
    cp "$root/examples/score.cpp" .
    as_its_comment_says score.cpp
    for compiler in g++ clang++; do
        command -v $compiler > /dev/null || continue
        # shellcheck disable=SC2046 # a list of options
        $compiler -std=c++17 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -o "$compiler.out" score.cpp \
            $(pkg-config --cflags --libs alertron)
        same_results "./$compiler.out"
        refuses_mistakes "./$compiler.out"
    done
}

example_embed() {
    cp "$root"/examples/embed/* .
    rm -f alertron.[ch]
    if make > output 2>&1; then fail 'make without the library'; fi
    grep -q '^there is no alertron.c; copy it from' output || fail "make says $(cat output)"
    cp "$build"/amalgamation/alertron.[ch] .
    as_its_comment_says app.c
    head -n 1 "$c/expected" > first
    tail -n 1 output | diff first - || fail "app.c has other results than score.c"
    refuses ./app '2 numbers given; a reading takes 3' 1 2
    refuses ./app "'1,5' is not a number" 1 1,5 2
}

example_go() {
    need go golang-go
    export GOCACHE="$build/examples/cache-go" GOPATH="$build/examples/path-go" GOENV=off GOFLAGS=-mod=mod GOPROXY=off \
        GOTOOLCHAIN=local GO111MODULE=on CGO_ENABLED=1
    go version
    cp -r "$root"/examples/go/* .
    as_its_comment_says main.go
    same_results ./score
    refuses_mistakes ./score
    go vet ./...
    go test -count=1 ./alertron
    need gofmt golang-go
    [ -z "$(gofmt -l .)" ] || fail "gofmt would write otherwise: $(gofmt -l .)"
}

example_rust() {
    need cargo cargo
    need rustc rustc
    # Not HOME: rustup finds its toolchains there.
    export CARGO_HOME="$build/examples/home-cargo" CARGO_NET_OFFLINE=true RUSTFLAGS='-D warnings'
    unset CARGO_TARGET_DIR
    rustc --version
    cp -r "$root"/examples/rust/* .
    as_its_comment_says src/main.rs
    same_results ./target/release/score
    refuses_mistakes ./target/release/score
    cargo test --quiet
    for check in 'clippy --quiet --all-targets -- -D warnings' 'fmt --check'; do
        # shellcheck disable=SC2086 # words
        if cargo ${check%% *} --version; then cargo $check; else echo "not there, so not checked by it"; fi
    done
}

rm -rf "$build/examples/$name"
mkdir -p "$build/examples/$name"
cd "$build/examples/$name"
libdir=$installed/$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' "$build/CMakeCache.txt")
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
unset CC CFLAGS CXX CXXFLAGS LDFLAGS
need pkg-config pkg-config
[ "$name" = c ] || cp "$c/pump.alertron" "$c/pump.csv" .
"example_$name"
