#include "ops/runtime.h"

#include <dlfcn.h>

#include "kernels/isa.h"
#include "kernels/thread_pool.h"
#include "ops/array.h"

namespace burin::ops {
namespace {

constexpr size_t kCacheBytes = size_t{256} << 20;  // MLX's 32 MB would fault in every prefill's temporaries again

template <typename Function>
Function* find_symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

void set_blas_threads(int count) {
  if (auto* set = find_symbol<void(int)>("openblas_set_num_threads")) {
    set(count);
  }
}

std::string blas_library() {
  Dl_info info{};
  void* symbol = dlsym(RTLD_DEFAULT, "cblas_sgemm");
  if (symbol == nullptr || dladdr(symbol, &info) == 0 || info.dli_fname == nullptr) {
    return "";
  }
  const std::string path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

void set_threads(int count) {
  kernels::set_pool_threads(count);
  set_blas_threads(threads());
}

int threads() {
  return kernels::pool().threads();
}

void configure_cpu() {
  mx::disable_compile();
  mx::set_cache_limit(kCacheBytes);
  set_blas_threads(threads());
}

RuntimeFacts runtime_facts() {
  return {.isa = std::string(kernels::name(kernels::isa())),
          .blas_library = blas_library(),
          .device = mx::default_device() == mx::Device::cpu ? "cpu" : "gpu",
          .threads = threads()};
}

QueueGuard::~QueueGuard() {
  try {
    mx::synchronize();
  } catch (const std::exception&) {
    return;  // the work is void, and so is its failure
  }
}

}  // namespace burin::ops
