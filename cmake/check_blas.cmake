# Proves at configure time that libmlx multiplies float32 matrices by OpenBLAS: the reference BLAS that its wheel carries
# is an order of magnitude slower, and nothing else would tell. Skipped where Accelerate serves, and when cross-compiling.
set(BURIN_BLAS_FLOOR_GFLOPS 8 CACHE STRING "Least speed of a float32 256x256x256 mx::matmul; 0 leaves the speed out")

function(burin_check_blas)
  set(source "${CMAKE_BINARY_DIR}/check_blas/check_blas.cpp")
  file(
    WRITE "${source}"
    [=[
#include <dlfcn.h>
#include <mlx/mlx.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int, char** argv) {
  Dl_info info{};
  void* symbol = dlsym(RTLD_DEFAULT, "cblas_sgemm");
  const char* library = symbol != nullptr && dladdr(symbol, &info) != 0 ? info.dli_fname : "nothing";
  namespace mx = mlx::core;
  const mx::array a = mx::ones({256, 256});
  mx::eval(a);
  double best = 0;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    mx::eval(mx::matmul(a, a));
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2.0 * 256 * 256 * 256 / time.count() * 1e-9);
  }
  const char* slash = std::strrchr(library, '/');
  std::printf("%s, %.0f GFLOP/s", slash != nullptr ? slash + 1 : library, best);
  return std::strstr(library, "openblas") != nullptr && best >= std::atof(BURIN_FLOOR) ? 0 : 1;
}
]=]
  )
  try_run(
    ran
    built
    "${CMAKE_BINARY_DIR}/check_blas"
    SOURCES "${source}"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${MLX_INCLUDE_DIRS}"
    COMPILE_DEFINITIONS "-DBURIN_FLOOR=\"${BURIN_BLAS_FLOOR_GFLOPS}\""
    LINK_LIBRARIES -Wl,--no-as-needed "${BURIN_OPENBLAS}" -Wl,--as-needed mlx ${CMAKE_DL_LIBS}
    CXX_STANDARD 20
    CXX_STANDARD_REQUIRED ON
    COMPILE_OUTPUT_VARIABLE log
    RUN_OUTPUT_VARIABLE found
  )
  if(NOT built)
    message(FATAL_ERROR "A program with MLX and OpenBLAS does not link:\n${log}")
  endif()
  if(NOT ran STREQUAL "0")
    message(
      FATAL_ERROR
      "libmlx's matmul is not served by OpenBLAS at ${BURIN_BLAS_FLOOR_GFLOPS} GFLOP/s or more: ${found}. "
      "Install libopenblas0-pthread, or lower BURIN_BLAS_FLOOR_GFLOPS on a slow machine."
    )
  endif()
  set(BURIN_BLAS_CHECKED "${found}" CACHE INTERNAL "What check_blas found")
endfunction()

if(BURIN_WITH_MLX AND NOT APPLE AND NOT CMAKE_CROSSCOMPILING AND NOT BURIN_BLAS_CHECKED)
  burin_check_blas()
endif()
if(BURIN_BLAS_CHECKED)
  message(STATUS "float32 matmul: ${BURIN_BLAS_CHECKED}")
endif()
