# The programs. `product` builds what is shipped, and nothing of the tests.

add_custom_target(product)

# belay_program(name source libraries...): name in the build folder, stripped; its symbols in name.debug.
function(belay_program name sources)
  add_executable(${name} ${sources} "${PROJECT_SOURCE_DIR}/common/base/Terminate.cpp")
  target_link_libraries(${name} PRIVATE ${ARGN})
  if(BELAY_OPTIMIZED)
    target_compile_options(${name} PRIVATE ${BELAY_FOR_SIZE} ${BELAY_NO_UNWINDING})
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}"
    RULE_LAUNCH_LINK "\"${PROJECT_SOURCE_DIR}/config/cmake/link.sh\""
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/config/cmake/link.sh")
  if(NOT BELAY_SANITIZE AND NOT BELAY_COVERAGE)
    add_custom_command(TARGET ${name} POST_BUILD
      COMMAND ${CMAKE_OBJCOPY} --only-keep-debug --compress-debug-sections ${name} ${name}.debug
      # Beside it, and then in its place: what is just being started could not be written to.
      COMMAND ${CMAKE_STRIP} --strip-all -o ${name}.stripped ${name}
      COMMAND ${CMAKE_OBJCOPY} --add-gnu-debuglink=${name}.debug ${name}.stripped
      COMMAND ${CMAKE_COMMAND} -E rename ${name}.stripped ${name}
      WORKING_DIRECTORY "${PROJECT_BINARY_DIR}" BYPRODUCTS "${PROJECT_BINARY_DIR}/${name}.debug" VERBATIM)
  endif()
  add_dependencies(product ${name})
endfunction()

file(GLOB main CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/agent/*.cpp")
if(main)
  belay_program(belay "${main}" belay_cli belay_version belay_embedded)
endif()

file(GLOB relay_main CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/relay/*.cpp")
belay_program(belay-relay "${relay_main}" belay_console)

# Plugins of steps: apart from the static programs, with the libraries of the machine that runs them. Built
# where those are.
add_custom_target(plugins)
find_path(LIBPQ_INCLUDE libpq-fe.h PATH_SUFFIXES postgresql)
find_library(LIBPQ_LIBRARY pq)
if(LIBPQ_INCLUDE AND LIBPQ_LIBRARY)
  file(GLOB postgres_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/plugins/postgres/*.cpp")
  add_executable(belay-step-postgres ${postgres_sources})
  target_include_directories(belay-step-postgres SYSTEM PRIVATE ${LIBPQ_INCLUDE})
  target_link_libraries(belay-step-postgres PRIVATE belay_base belay_json ${LIBPQ_LIBRARY})
  set_target_properties(belay-step-postgres PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}" LINK_OPTIONS "-pie;-Wl,--gc-sections")
  add_dependencies(plugins belay-step-postgres)
endif()
