# belay_version: belay::version::string() and the versions of what is linked in.
# belay_embedded: text files of the repository inside the binary (belay::embedded).

set(generated "${PROJECT_BINARY_DIR}/generated")

# The header is looked at in every build and written only when the version has changed; one source includes it.
add_custom_target(belay_version_header
  COMMAND ${CMAKE_COMMAND}
    "-DSOURCE=${PROJECT_SOURCE_DIR}" "-DOUTPUT=${generated}/belay_version.h" "-DDEPS=${BELAY_DEPS_VERSIONS}"
    -P "${PROJECT_SOURCE_DIR}/config/cmake/version/write_header.cmake"
  BYPRODUCTS "${generated}/belay_version.h"
  COMMENT "Looking at the version" VERBATIM)
add_library(belay_version STATIC "${PROJECT_SOURCE_DIR}/config/cmake/version/Version.cpp")
add_dependencies(belay_version belay_version_header)
target_include_directories(belay_version
  PUBLIC "${PROJECT_SOURCE_DIR}/config/cmake" PRIVATE "${generated}")

# The tool runs on the building machine and is in no product.
add_executable(belay_embed "${PROJECT_SOURCE_DIR}/config/cmake/embedded/embed.cpp")
target_link_libraries(belay_embed PRIVATE deps::zlib)

file(GLOB_RECURSE embedded_files CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
  "${PROJECT_SOURCE_DIR}/docs/*.md" "${PROJECT_SOURCE_DIR}/config/templates/*")
list(SORT embedded_files COMPARE STRING)
list(JOIN embedded_files "\n" embedded_list)
file(CONFIGURE OUTPUT "${generated}/embedded.list" CONTENT "@embedded_list@\n" @ONLY)
list(TRANSFORM embedded_files PREPEND "${PROJECT_SOURCE_DIR}/" OUTPUT_VARIABLE embedded_paths)
add_custom_command(
  OUTPUT "${generated}/embedded.cpp"
  COMMAND belay_embed "${PROJECT_SOURCE_DIR}" "${generated}/embedded.list" "${generated}/embedded.cpp"
  DEPENDS belay_embed "${generated}/embedded.list" ${embedded_paths}
  COMMENT "Embedding text files" VERBATIM)
add_library(belay_embedded STATIC
  "${generated}/embedded.cpp" "${PROJECT_SOURCE_DIR}/config/cmake/embedded/Embedded.cpp")
target_include_directories(belay_embedded PUBLIC "${PROJECT_SOURCE_DIR}/config/cmake")
target_link_libraries(belay_embedded PRIVATE deps::zlib)
