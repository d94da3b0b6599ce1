# The only place for outside code. `./dev setup` installs all of it; nothing is fetched here.
set(BURIN_MLX_VERSION 0.32.4)

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)
# Its headers alone, so that the program needs no shared library of it.
pkg_check_modules(tomlplusplus REQUIRED tomlplusplus>=3.3)
add_library(burin_toml INTERFACE)
target_include_directories(burin_toml SYSTEM INTERFACE ${tomlplusplus_INCLUDE_DIRS})
# Two hash functions of libcrypto, linked statically: the shared library would cost every start some milliseconds.
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
add_library(burin_crypto INTERFACE)
target_link_libraries(burin_crypto INTERFACE OpenSSL::Crypto)
# Only the types of libcurl: the library itself is opened at run time, by the commands that use the network.
find_package(CURL 7.80 REQUIRED)
add_library(burin_curl INTERFACE)
target_include_directories(burin_curl SYSTEM INTERFACE ${CURL_INCLUDE_DIRS})
if(BURIN_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

find_program(BURIN_PYTHON python3 HINTS "${CMAKE_SOURCE_DIR}/.venv/bin" NO_DEFAULT_PATH)
if(NOT BURIN_PYTHON)
  find_program(BURIN_PYTHON python3 REQUIRED)
endif()

# The wheel brings headers, libmlx and a CMake package; libgfortran and friends lie beside it.
if(BURIN_WITH_MLX)
  file(GLOB mlx_roots "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/mlx")
  find_package(MLX ${BURIN_MLX_VERSION} CONFIG REQUIRED HINTS ${mlx_roots})
  add_library(burin_mlx_package INTERFACE)
  target_include_directories(burin_mlx_package SYSTEM INTERFACE ${MLX_INCLUDE_DIRS})
  if(APPLE)
    target_link_libraries(burin_mlx_package INTERFACE mlx)
  else()
    # libmlx carries the reference BLAS; OpenBLAS stands ahead of it in lookup order and takes cblas_sgemm over.
    find_library(BURIN_OPENBLAS NAMES openblas REQUIRED)
    target_link_libraries(burin_mlx_package INTERFACE -Wl,--no-as-needed "${BURIN_OPENBLAS}" -Wl,--as-needed mlx)
  endif()
  include(check_blas)
  message(STATUS "MLX ${MLX_VERSION} from ${MLX_LIBRARY_DIRS}")
endif()
