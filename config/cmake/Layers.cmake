# One static library per directory, and who may use whom.
#
# belay_layer(<directory> USES <libraries> INSIDE <libraries>): belay_<name> from the directory's own *.cpp (no
# recursion). What stands behind INSIDE is seen by nobody else.
# The table stands in layering order: a library uses only what stands above it here, and what that uses
# comes along. A directory without sources is a library of headers; a directory that is not there yet too.

set(BELAY_LAYERS "")

# Built for speed: what runs with every byte or every allocation of a script. All else is built for size: the
# simulation takes 3 % more instructions for it than with engine, journal and scripts at -O2, which are 0.1 MB more.
set(BELAY_HOT
  common/base/Text.cpp common/crypto/Sha256.cpp common/crypto/Sha256Blocks.cpp common/json/Strict.cpp
  common/redaction/Redactor.cpp agent/script/Heap.cpp agent/script/JsonReader.cpp agent/script/Realm.cpp)

# Where exceptions are caught: Poco's, and what the standard library says of threads. Elsewhere they end the
# process, as they would without a handler, and the code has no tables to unwind by (0.9 MB) and no names of its
# types to catch by.
set(BELAY_CATCHES common/http)
set(BELAY_NO_UNWINDING -fno-exceptions -fno-asynchronous-unwind-tables -fno-rtti)
set(BELAY_FOR_SIZE -Oz)

function(belay_layer directory)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "USES;INSIDE")
  get_filename_component(name "${directory}" NAME)
  foreach(used IN LISTS layer_USES)
    if(NOT TARGET "${used}")
      message(FATAL_ERROR "${directory} uses ${used}, which does not stand above it in Layers.cmake")
    endif()
  endforeach()
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${directory}/*.cpp")
  if(sources)
    add_library(belay_${name} STATIC ${sources})
    target_link_libraries(belay_${name} PUBLIC ${layer_USES} PRIVATE ${layer_INSIDE})
    if(BELAY_OPTIMIZED AND NOT directory IN_LIST BELAY_CATCHES)
      target_compile_options(belay_${name} PRIVATE ${BELAY_NO_UNWINDING})
    endif()
    if(BELAY_OPTIMIZED)
      foreach(source IN LISTS sources)
        file(RELATIVE_PATH relative "${PROJECT_SOURCE_DIR}" "${source}")
        if(NOT relative IN_LIST BELAY_HOT)
          set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS ${BELAY_FOR_SIZE})
        endif()
      endforeach()
    endif()
  else()
    add_library(belay_${name} INTERFACE)
    target_link_libraries(belay_${name} INTERFACE ${layer_USES})
  endif()
  set(BELAY_LAYERS ${BELAY_LAYERS} "${directory}" PARENT_SCOPE)
endfunction()

belay_layer(common/base)
belay_layer(common/log       USES belay_base)
belay_layer(common/json      USES belay_base deps::cjson)
belay_layer(common/calendar  USES belay_base)
belay_layer(common/yaml      USES belay_base belay_json deps::yaml)
belay_layer(common/options   USES belay_base belay_json belay_yaml)
belay_layer(common/crypto    USES belay_base belay_json deps::mbedcrypto)
belay_layer(common/redaction USES belay_base belay_json belay_crypto)
belay_layer(common/statement USES belay_base belay_json belay_crypto)
belay_layer(common/sqlite    USES belay_base deps::sqlite3)
belay_layer(common/wire      USES belay_base belay_json belay_crypto)
belay_layer(common/tls       USES belay_base belay_log belay_crypto deps::mbedtls)
belay_layer(common/http      USES belay_base belay_log belay_json belay_tls deps::poco_net deps::zlib)

belay_layer(agent/settings   USES belay_base belay_json belay_yaml belay_options)
belay_layer(agent/script     USES belay_base belay_json belay_crypto deps::quickjs)
belay_layer(agent/flow       USES belay_base belay_json belay_calendar belay_yaml belay_crypto belay_script)
belay_layer(agent/authoring  USES belay_base belay_json belay_yaml belay_calendar belay_flow belay_embedded)
belay_layer(agent/engine     USES belay_base belay_json belay_flow)
belay_layer(agent/journal    USES belay_base belay_log belay_json belay_crypto belay_redaction belay_statement
                                  belay_sqlite belay_flow belay_engine)
belay_layer(agent/trust      USES belay_base belay_json belay_crypto belay_statement belay_http belay_calendar)
belay_layer(agent/runtime    USES belay_base belay_log belay_json belay_crypto belay_statement belay_script belay_flow
                                  belay_engine belay_journal belay_trust)
belay_layer(agent/resources  USES belay_base belay_crypto)
belay_layer(agent/vault      USES belay_base belay_json belay_crypto belay_redaction belay_http belay_trust)
belay_layer(agent/jobs       USES belay_base belay_json belay_redaction)
belay_layer(agent/scrub      USES belay_base belay_json belay_crypto belay_redaction belay_journal belay_resources belay_jobs)
belay_layer(agent/agents     USES belay_base belay_json belay_crypto belay_jobs)
belay_layer(agent/llm        USES belay_base belay_json belay_http)
belay_layer(agent/tools      USES belay_base belay_json belay_crypto belay_tls belay_http belay_jobs
                             INSIDE deps::libssh)
belay_layer(agent/steps      USES belay_base belay_log belay_json belay_settings belay_tls belay_http belay_script belay_flow
                                  belay_journal belay_trust belay_runtime belay_vault belay_resources
                                  belay_jobs belay_agents belay_llm belay_tools deps::sqlite3)
belay_layer(agent/rehearsal  USES belay_base belay_log belay_json belay_crypto belay_script belay_flow
                                  belay_engine belay_journal belay_trust belay_runtime belay_steps)
belay_layer(agent/triggers   USES belay_base belay_log belay_json belay_calendar belay_crypto belay_flow
                                  belay_journal belay_trust belay_runtime belay_steps)
belay_layer(agent/link       USES belay_base belay_log belay_json belay_crypto belay_statement belay_wire
                                  belay_tls belay_http belay_journal belay_trust belay_runtime belay_triggers)
belay_layer(agent/api        USES belay_base belay_log belay_json belay_wire belay_settings belay_http belay_flow belay_journal
                                  belay_trust belay_runtime belay_vault belay_resources belay_jobs belay_steps
                                  belay_triggers belay_link belay_version belay_embedded)
belay_layer(agent/cli        USES belay_base belay_log belay_json belay_settings belay_yaml belay_http belay_flow
                                  belay_journal belay_trust belay_runtime belay_vault belay_resources
                                  belay_jobs belay_scrub belay_agents belay_steps belay_rehearsal belay_triggers belay_link belay_authoring belay_api
                                  belay_version belay_embedded deps::poco_util)

belay_layer(relay/mailbox    USES belay_base belay_log belay_crypto belay_wire belay_sqlite)
belay_layer(relay/service    USES belay_base belay_log belay_json belay_crypto belay_statement belay_wire
                                  belay_options belay_tls belay_http belay_mailbox belay_version)
belay_layer(relay/console    USES belay_base belay_log belay_json belay_statement belay_wire belay_options belay_http
                                  belay_mailbox belay_service belay_version)

# A directory that the table does not know would silently not be built.
file(GLOB found CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}"
  "${PROJECT_SOURCE_DIR}/common/*/*.cpp" "${PROJECT_SOURCE_DIR}/agent/*/*.cpp"
  "${PROJECT_SOURCE_DIR}/relay/*/*.cpp")
foreach(source IN LISTS found)
  get_filename_component(directory "${source}" DIRECTORY)
  if(NOT directory IN_LIST BELAY_LAYERS)
    message(FATAL_ERROR "${directory} is not in the table of config/cmake/Layers.cmake")
  endif()
endforeach()
