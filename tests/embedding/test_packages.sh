#!/bin/sh
# test_packages.sh AMALGAMATION ANSWERS BUILD CMAKE: a user's project finds the library that BUILD installs, or has it as a
# folder.
# shellcheck source=tests/embedding/common.sh
. "$(dirname "$0")/common.sh"
build=$3
cmake=$4
need pkg-config pkg-config

# project FOLDER TARGET...: a user's project in FOLDER with a program for each target; standard input: how it gets them.
project() {
    mkdir "$1"
    {
        printf 'cmake_minimum_required(VERSION 3.22)\nproject(user LANGUAGES C)\nset(CMAKE_BUILD_TYPE Debug)\n'
        cat
    } > "$1/CMakeLists.txt"
    folder=$1
    shift
    for target; do
        echo "add_executable(with_$target $here/hosted.c $here/answers.c)
target_link_libraries(with_$target PRIVATE alertron::$target)" >> "$folder/CMakeLists.txt"
    done
}

# build_project FOLDER OPTION...
build_project() {
    folder=$1
    shift
    { "$cmake" -S "$folder" -B "$folder/build" "$@" && "$cmake" --build "$folder/build" -j 2; } > log 2>&1 ||
        fail "$folder: $(cat log)"
}

# loads_shared PROGRAM: whether it needs libalertron.so at run time.
loads_shared() {
    objdump -p "$1" | grep -q 'NEEDED *libalertron'
}

"$cmake" --install "$build" --prefix "$scratch/installed" > log || fail "$(cat log)"
mv installed moved
version=$(sed -n 's/.*define ALERTRON_VERSION "\([0-9.]*\)".*/\1/p' "$root/libalertron/alertron.h")

echo "find_package(alertron $version EXACT REQUIRED)" | project found static shared alertron
build_project found -DCMAKE_PREFIX_PATH="$scratch/moved"
for program in static shared alertron; do
    same_answers "find_package, alertron::$program" found/build/with_$program
done
! loads_shared found/build/with_alertron || fail "alertron::alertron is shared where nobody asked for it"
loads_shared found/build/with_shared || fail "alertron::shared is not shared"
build_project found -DBUILD_SHARED_LIBS=ON
loads_shared found/build/with_alertron || fail "alertron::alertron is not shared with BUILD_SHARED_LIBS"
if echo "find_package(alertron 99 REQUIRED)" | project newer && "$cmake" -S newer -B newer/build > log 2>&1 \
    -DCMAKE_PREFIX_PATH="$scratch/moved"; then
    fail "version $version passes for 99"
fi

echo "add_subdirectory($root alertron)" | project folder static alertron
build_project folder
same_answers "add_subdirectory, alertron::static" folder/build/with_static
same_answers "add_subdirectory, alertron::alertron" folder/build/with_alertron
"$cmake" --install folder/build --prefix nothing > log
[ ! -e nothing ] || fail "a project that has the library as a folder installs it"

pc=$(find moved -name alertron.pc)
export PKG_CONFIG_PATH="${pc%/*}"
[ "$(pkg-config --modversion alertron)" = "$version" ] || fail "pkg-config does not say version $version"
# shellcheck disable=SC2046
cc $(pkg-config --cflags alertron) "$here/hosted.c" "$here/answers.c" $(pkg-config --libs alertron) -o by_pkg_config
LD_LIBRARY_PATH=$(pkg-config --variable=libdir alertron)
export LD_LIBRARY_PATH
same_answers "pkg-config" ./by_pkg_config
