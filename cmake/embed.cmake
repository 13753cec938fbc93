# embed.cmake: files as arrays of bytes in a C source, for programs that carry them.
#
#   cmake -D OUT=page_files.c "-D FILES=page.html;page.css" -P embed.cmake
#
# Each becomes `const unsigned char page_html[]` and `const size_t page_html_bytes`.
set(source "/* Written by cmake/embed.cmake. */\n#include \"page.h\"\n")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  string(MAKE_C_IDENTIFIER ${name} name)
  file(READ ${file} bytes HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" bytes ${bytes})
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes ${bytes})
  string(APPEND source "\nconst unsigned char ${name}[] = {\n${bytes}};\nconst size_t ${name}_bytes = sizeof ${name};\n")
endforeach()
file(WRITE ${OUT} "${source}")
