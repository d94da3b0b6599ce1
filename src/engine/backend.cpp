#include "engine/backend.h"

#include <dlfcn.h>

#include <array>
#include <map>
#include <mutex>

#include "base/error.h"

namespace burin::engine {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() {
  Dl_info info{};
  ::dladdr(reinterpret_cast<const void*>(&open_backend_module), &info);
  std::error_code ignored;
  const fs::path self = fs::canonical("/proc/self/exe", ignored);
  return (ignored ? fs::absolute(info.dli_fname) : self).parent_path();
}

Error unavailable(std::string_view name, const std::string& why) {
  return Error(ErrorCode::Unsupported, "backend", "the " + std::string(name) + " backend cannot be used: " + why)
      .hint("run ./dev setup && ./dev build, or reinstall burin");
}

const BackendModule& open_module(std::string_view name) {
  const std::string file = "libburin_" + std::string(name) + ".so";
  const fs::path here = own_folder();
  for (const fs::path& path : {here / file, here / ".." / "lib" / "burin" / file}) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) {
      continue;
    }
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
      throw unavailable(name, ::dlerror());
    }
    const auto entry = reinterpret_cast<BackendEntry>(::dlsym(handle, "burin_backend_module"));
    const BackendModule* module = entry == nullptr ? nullptr : entry(kBackendAbi);
    if (module == nullptr) {
      throw unavailable(name, file + " is of another version of burin");
    }
    return *module;
  }
  throw unavailable(name, "it is not built (" + file + " is missing)");
}

}  // namespace

const BackendModule& open_backend_module(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, const BackendModule*, std::less<>> opened;
  const std::scoped_lock lock(mutex);
  if (auto it = opened.find(name); it != opened.end()) {
    return *it->second;
  }
  const BackendModule& module = open_module(name);
  opened.emplace(name, &module);
  return module;
}

}  // namespace burin::engine
