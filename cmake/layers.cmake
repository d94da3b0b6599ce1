# burin_layer(NAME SOURCES ...): one folder under src/ as one static library, linked as src/LAYERS says.
# burin_test(NAME LAYER L SOURCES ... LABELS ...): one GoogleTest program; every TEST becomes a ctest test.

set(layers_file "${CMAKE_SOURCE_DIR}/src/LAYERS")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${layers_file}")
file(STRINGS "${layers_file}" layer_lines REGEX "^[a-z]+:")
set(BURIN_LAYERS "")
foreach(line IN LISTS layer_lines)
  string(REGEX MATCH "^([a-z]+):(.*)$" _ "${line}")
  list(APPEND BURIN_LAYERS "${CMAKE_MATCH_1}")
  set(layer_rule_${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()
foreach(layer IN LISTS BURIN_LAYERS)
  string(REGEX MATCHALL "[^ ]+" words "${layer_rule_${layer}}")
  set(allowed "")
  foreach(word IN LISTS words)
    if(word STREQUAL "*")
      set(allowed ${BURIN_LAYERS})
      list(REMOVE_ITEM allowed ${layer})
    elseif(word MATCHES "^-(.+)$")
      list(REMOVE_ITEM allowed ${CMAKE_MATCH_1})
    else()
      list(APPEND allowed ${word})
    endif()
  endforeach()
  set(BURIN_LAYER_DEPS_${layer} ${allowed})
endforeach()

# The trunk below MLX is left out as a whole where MLX is not linked (TSan, fuzzing).
set(
  BURIN_MLX_LAYERS
  ops
  nn
  models
  generate
  embed
  train
  quantize
  backends
)
set(BURIN_SKIPPED_LAYERS "")
if(NOT BURIN_WITH_MLX)
  set(BURIN_SKIPPED_LAYERS ${BURIN_MLX_LAYERS})
endif()
if(BURIN_KERNELS_ONLY) # of other layers they need headers alone
  set(BURIN_SKIPPED_LAYERS ${BURIN_LAYERS})
  list(REMOVE_ITEM BURIN_SKIPPED_LAYERS kernels)
endif()

add_library(burin_options INTERFACE)
target_include_directories(burin_options INTERFACE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
target_compile_options(
  burin_options
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wno-missing-field-initializers $<$<BOOL:${BURIN_DEVELOPER_MODE}>:-Werror>
)
# Only what is called is mapped, and a relocation takes a bit or so instead of 24 bytes.
if(NOT BURIN_SANITIZE)
  include(CheckLinkerFlag)
  foreach(flag "-Wl,--gc-sections" "-Wl,-z,pack-relative-relocs")
    string(MAKE_C_IDENTIFIER "BURIN_LINKER_HAS${flag}" known)
    check_linker_flag(CXX "${flag}" ${known})
    if(${known})
      target_link_options(burin_options INTERFACE "${flag}")
    endif()
  endforeach()
endif()
if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$") # a product and a sum are rounded apart, as there
  target_compile_options(burin_options INTERFACE -ffp-contract=off)
endif()
if(BURIN_BUILD_FUZZ)
  target_compile_options(burin_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(BURIN_SANITIZE)
  target_compile_options(
    burin_options
    INTERFACE -fsanitize=${BURIN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
  )
  target_link_options(burin_options INTERFACE -fsanitize=${BURIN_SANITIZE})
endif()

function(burin_link_layers target visibility)
  foreach(dep IN LISTS ARGN)
    if(EXISTS "${CMAKE_SOURCE_DIR}/src/${dep}/CMakeLists.txt" AND NOT dep IN_LIST BURIN_SKIPPED_LAYERS)
      target_link_libraries(${target} ${visibility} burin_${dep})
    endif()
  endforeach()
endfunction()

function(burin_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  add_library(burin_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(burin_${name} PUBLIC burin_options)
  burin_link_layers(burin_${name} PUBLIC ${BURIN_LAYER_DEPS_${name}})
  if(name IN_LIST BURIN_MLX_LAYERS)
    target_link_libraries(burin_${name} PUBLIC burin_mlx_package)
    target_precompile_headers(burin_${name} REUSE_FROM burin_mlx_pch)
  elseif(NOT name STREQUAL "kernels")
    target_precompile_headers(burin_${name} REUSE_FROM burin_pch)
  endif()
endfunction()

function(burin_test name)
  cmake_parse_arguments(ARG "" "LAYER" "SOURCES;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE burin_${ARG_LAYER} GTest::gtest_main GTest::gmock)
  target_compile_definitions(
    ${name}
    PRIVATE BURIN_SOURCE_DIR="${CMAKE_SOURCE_DIR}" BURIN_BINARY_DIR="${CMAKE_BINARY_DIR}"
  )
  gtest_discover_tests(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 300 DISCOVERY_TIMEOUT 60)
endfunction()

if(BURIN_KERNELS_ONLY)
  return()
endif()
# The two heavy headers are compiled once each: nlohmann's JSON, and MLX.
file(WRITE "${CMAKE_BINARY_DIR}/pch/anchor.cpp" "")
add_library(burin_pch STATIC "${CMAKE_BINARY_DIR}/pch/anchor.cpp")
target_link_libraries(burin_pch PUBLIC burin_options nlohmann_json::nlohmann_json)
target_precompile_headers(
  burin_pch
  PUBLIC <nlohmann/json.hpp> <filesystem> <functional> <map> <memory> <string> <vector>
)
if(BURIN_WITH_MLX)
  add_library(burin_mlx_pch STATIC "${CMAKE_BINARY_DIR}/pch/anchor.cpp")
  target_link_libraries(burin_mlx_pch PUBLIC burin_options burin_mlx_package nlohmann_json::nlohmann_json)
  target_precompile_headers(
    burin_mlx_pch
    PUBLIC <mlx/mlx.h> <nlohmann/json.hpp> <filesystem> <functional> <map> <memory> <string> <vector>
  )
endif()
