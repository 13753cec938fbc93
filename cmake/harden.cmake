# harden.cmake: what makes bugs in alertrond and libalertron harder to use, and builds the same bytes anywhere.
#
#   alertron_hardened        options of the compiler
#   alertron_hardened_links  options of the linker, for programs and shared libraries
#
# Options that a compiler does not know are left out. tests/test_hardening.sh reads the results.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

add_library(alertron_hardened INTERFACE)
add_library(alertron_hardened_links INTERFACE)

# The same bytes from any folder: no path of this machine stands in them.
check_c_compiler_flag(-ffile-prefix-map=/a=/b ALERTRON_HAS_FILE_PREFIX_MAP)
if(ALERTRON_HAS_FILE_PREFIX_MAP)
  target_compile_options(alertron_hardened INTERFACE
    -ffile-prefix-map=${PROJECT_BINARY_DIR}=build -ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
endif()

if(NOT ALERTRON_HARDEN OR NOT CMAKE_SYSTEM_NAME STREQUAL Linux)
  return()
endif()

check_pie_supported(LANGUAGES C)
if(NOT CMAKE_C_LINK_PIE_SUPPORTED)
  message(WARNING "This compiler builds no position-independent program: ${CMAKE_C_COMPILER}")
endif()

set(options -fstack-protector-strong -fstack-clash-protection)
if(ALERTRON_SANITIZE MATCHES cfi)
  # It checks the same calls, more closely; and clang 14 takes wrong tables for both together.
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "x86|X86|AMD64")
  list(APPEND options -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  list(APPEND options -mbranch-protection=standard)
endif()
foreach(option ${options})
  string(MAKE_C_IDENTIFIER ALERTRON_HAS${option} variable)
  check_c_compiler_flag(${option} ${variable})
  if(${variable})
    target_compile_options(alertron_hardened INTERFACE ${option})
  endif()
endforeach()

# glibc's checks need an optimizer. Sanitizers have their own, which these would hide.
if(NOT ALERTRON_SANITIZE)
  target_compile_options(alertron_hardened INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3>)
endif()

foreach(option -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,-z,separate-code)
  string(MAKE_C_IDENTIFIER ALERTRON_HAS${option} variable)
  check_linker_flag(C ${option} ${variable})
  if(${variable})
    target_link_options(alertron_hardened_links INTERFACE ${option})
  endif()
endforeach()
