# amalgamate.cmake: all of the library in one file of C, for programs that want no build system of ours.
#
#   cmake -DVERSION=0.1.0 -DOUTPUT=FOLDER -DSOURCES="base.c;..." -P amalgamate.cmake
#
# Writes FOLDER/alertron.c and FOLDER/alertron.h from the folder above. A private header stands where it is first
# included. File-private names meet in that one file, so each must be unique in the library: the compiler says so.
cmake_minimum_required(VERSION 3.22)
get_filename_component(room ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)

# One literal argument: file names and texts may hold what lists would split at.
function(append text)
  file(APPEND ${OUTPUT}/alertron.c.new "${text}")
endfunction()

# Appends a file's text, with each private header in the place of its first #include.
function(append_file name)
  file(READ ${room}/${name} text)
  string(REGEX MATCH "\n#include \"([a-z_0-9]+\\.h)\"" include "${text}")
  while(include)
    set(header ${CMAKE_MATCH_1})
    string(FIND "${text}" "${include}" at)
    string(SUBSTRING "${text}" 0 ${at} before)
    append("${before}\n")
    string(LENGTH "${include}" length)
    math(EXPR at "${at} + ${length}")
    string(SUBSTRING "${text}" ${at} -1 text)
    get_property(seen GLOBAL PROPERTY seen)
    if(header STREQUAL "alertron.h")
      append("#include \"alertron.h\"")
    elseif(NOT header IN_LIST seen)
      set_property(GLOBAL APPEND PROPERTY seen ${header})
      append_file(${header})
    endif()
    string(REGEX MATCH "\n#include \"([a-z_0-9]+\\.h)\"" include "${text}")
  endwhile()
  append("${text}")
endfunction()

file(MAKE_DIRECTORY ${OUTPUT})
file(WRITE ${OUTPUT}/alertron.c.new "/* alertron.c: libalertron ${VERSION}, the whole library in one file: anomaly detection on streams of readings.
 *
 *     cc -O2 app.c alertron.c
 *
 * where app.c includes alertron.h, which is the manual. Any C11 compiler will do; no other file, library or option is
 * needed. This file is made of the library's sources: change those.
 *
 *     -DALERTRON_NO_MALLOC    for machines without a heap: the caller gives an allocator wherever one can be given
 *     -DALERTRON_NO_PICKLE    load libalertron's own model files only; with -ffunction-sections and -Wl,--gc-sections
 *                             the reader of scikit-learn's files takes no room
 *     -DALERTRON_NO_TESTS     load models that carry tests with skip_tests only; with the same options the language of
 *                             tests and the checks take no room
 *
")
file(READ ${room}/../LICENSE license)
string(REGEX REPLACE "\n$" "" license "${license}")
string(REPLACE "\n" "\n * " license "${license}")
string(REPLACE " * \n" " *\n" license "${license}")
append(" * ${license}\n */\n")
foreach(source IN LISTS SOURCES)
  append("\n/* ===== ${source} ===== */\n")
  append_file(${source})
endforeach()
file(RENAME ${OUTPUT}/alertron.c.new ${OUTPUT}/alertron.c)
file(COPY ${room}/alertron.h DESTINATION ${OUTPUT})
