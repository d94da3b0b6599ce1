#include "engine/backend.h"

#include <dlfcn.h>
#ifdef __linux__
#include <link.h>
#endif

#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::engine {
namespace {

namespace fs = std::filesystem;

/** The shared library that holds this code, or the program's own file. */
fs::path own_file() {
  Dl_info info{};
  const void* here = reinterpret_cast<const void*>(&open_backend_module);
  std::error_code ignored;
#ifdef __linux__
  void* map = nullptr;
  const bool found = ::dladdr1(here, &info, &map, RTLD_DL_LINKMAP) != 0 && map != nullptr;
  const bool in_program = !found || static_cast<const link_map*>(map)->l_name[0] == '\0';
  const fs::path file = in_program ? fs::path("/proc/self/exe") : fs::path(info.dli_fname);
#else
  ::dladdr(here, &info);
  const fs::path file = info.dli_fname;
#endif
  const fs::path resolved = fs::canonical(file, ignored);
  return ignored ? fs::absolute(file, ignored) : resolved;
}

std::vector<fs::path> module_folders(const fs::path& given) {
  if (!given.empty()) {
    return {given};
  }
  const fs::path here = own_file().parent_path();
  return {here, here / "burin", here / ".." / "lib" / "burin"};
}

Error unavailable(std::string_view name, const std::string& why) {
  return Error(ErrorCode::Unsupported, "backend", fmt::format("the {} backend cannot be used: {}", name, why))
      .hint("run ./dev setup && ./dev build, or reinstall burin")
      .fact("backend", std::string(name));
}

const BackendModule& open_module(std::string_view name, const fs::path& folder) {
  const std::string file = fmt::format("libburin_{}.so", name);
  for (const fs::path& place : module_folders(folder)) {
    const fs::path path = place / file;
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
  throw unavailable(name, fmt::format("it is not built ({} is missing)", file));
}

}  // namespace

const BackendModule& open_backend_module(std::string_view name) {
  return open_backend_module_in({}, name);
}

const BackendModule& open_backend_module_in(const fs::path& folder, std::string_view name) {
  static std::mutex mutex;
  static std::map<std::pair<std::string, fs::path>, const BackendModule*> opened;
  const std::scoped_lock lock(mutex);
  const auto key = std::pair(std::string(name), folder);
  if (auto it = opened.find(key); it != opened.end()) {
    return *it->second;
  }
  const BackendModule& module = open_module(name, folder);
  opened.emplace(key, &module);
  return module;
}

}  // namespace burin::engine
