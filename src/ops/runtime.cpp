#include "ops/runtime.h"

#include <thread>

#include "ops/array.h"

namespace burin::ops {
namespace {
int g_threads = static_cast<int>(std::thread::hardware_concurrency());
}

void set_threads(int count) { g_threads = count > 0 ? count : static_cast<int>(std::thread::hardware_concurrency()); }
int threads() { return g_threads; }
void configure_cpu() { mx::disable_compile(); }
RuntimeFacts runtime_facts() { return {"scalar", "", "cpu", g_threads}; }

}  // namespace burin::ops
