# BELAY_FAST: for the loop of edit, compile and test. clang, -O0, and the standard library precompiled, templates
# included: a source file takes a third of the time that it takes for the shipped binary. Nothing that is shipped or
# measured is built so.
#
# The precompiled header lies in the cache of dependencies, by a digest of what it is made of, so that all checkouts
# and ccache share it.

function(belay_fast_header flags result)
  set(header "${PROJECT_SOURCE_DIR}/config/cmake/fast.h")
  execute_process(COMMAND "${CMAKE_CXX_COMPILER}" --version OUTPUT_VARIABLE compiler)
  file(SHA256 "${header}" content)
  string(SHA256 digest "${compiler} ${flags} ${content}")
  string(SUBSTRING "${digest}" 0 16 digest)
  if(DEFINED ENV{BELAY_CACHE})
    set(cache "$ENV{BELAY_CACHE}")
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(cache "$ENV{XDG_CACHE_HOME}/belay")
  else()
    set(cache "$ENV{HOME}/.cache/belay")
  endif()
  set(folder "${cache}/fast-${digest}")
  if(NOT EXISTS "${folder}/std.pch")
    file(MAKE_DIRECTORY "${folder}")
    configure_file("${header}" "${folder}/std.h" COPYONLY)
    separate_arguments(arguments UNIX_COMMAND "${flags}")
    # Made under another name, so that what has the name is whole.
    execute_process(COMMAND "${CMAKE_CXX_COMPILER}" ${arguments} -fpch-instantiate-templates -Xclang -fno-pch-timestamp
                            -x c++-header "${folder}/std.h" -o "${folder}/std.pch.new" COMMAND_ERROR_IS_FATAL ANY)
    file(RENAME "${folder}/std.pch.new" "${folder}/std.pch")
  endif()
  set(${result} "${folder}/std.pch" PARENT_SCOPE)
endfunction()
