# Writes belay_version.h when its content changes. Called with SOURCE, OUTPUT and DEPS ("name=version;…").
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${SOURCE}/VERSION" version LIMIT_COUNT 1)

# git ARGUMENTS...: the output is in git_output, empty on any failure (a source archive has no .git).
macro(git)
  execute_process(
    COMMAND git --no-optional-locks -C "${SOURCE}" ${ARGN}
    OUTPUT_VARIABLE git_output ERROR_QUIET RESULT_VARIABLE git_status OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT git_status EQUAL 0)
    set(git_output "")
  endif()
endmacro()

if(EXISTS "${SOURCE}/.git")
  git(rev-parse --short=10 HEAD)
  set(commit "${git_output}")
  git(describe --tags --exact-match --match "v${version}")
  set(tag "${git_output}")
  git(status --porcelain --untracked-files=no)
  set(changed "${git_output}")
  if(commit AND (NOT tag OR changed))
    string(APPEND version "-dev+${commit}")
    if(changed)
      string(APPEND version ".dirty")
    endif()
  endif()
endif()

list(SORT DEPS)
set(rows "")
foreach(pair IN LISTS DEPS)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${pair}")
  set(name "${CMAKE_MATCH_1}")
  set(package "${CMAKE_MATCH_2}")
  string(REGEX REPLACE "(\\.dfsg|[-+~]).*" "" upstream "${package}")
  list(APPEND rows "  {\"${name}\", \"${upstream}\", \"${package}\"}")
endforeach()
list(JOIN rows ", \\\n" rows)

set(content "#pragma once\n#define BELAY_VERSION \"${version}\"\n#define BELAY_DEPENDENCIES \\\n${rows}\n")
set(before "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT content STREQUAL before)
  file(WRITE "${OUTPUT}" "${content}")
endif()
