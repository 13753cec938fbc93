# find_package(alertron) gives alertron::static, alertron::shared, and alertron::alertron: the one that
# BUILD_SHARED_LIBS asks for.
include(${CMAKE_CURRENT_LIST_DIR}/alertron-targets.cmake)
if(NOT TARGET alertron::alertron)
  if(BUILD_SHARED_LIBS)
    add_library(alertron::alertron ALIAS alertron::shared)
  else()
    add_library(alertron::alertron ALIAS alertron::static)
  endif()
endif()
