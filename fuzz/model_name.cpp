// Any text must name a model of the tree below or give a burin::Error, and no name may lead out of the tree.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"
#include "hub/cache.h"
#include "hub/resolve.h"

namespace {

namespace fs = std::filesystem;

/** Two models at home, three in the cache, and folders that somebody with bad intentions could have put there. */
class Tree {
 public:
  Tree() : root_(fs::temp_directory_path() / ("burin-fuzz-" + std::to_string(::getpid()))) {
    fs::create_directories(root_ / "outside" / "model");
    for (const char* name : {"starter", "org/deep", ".hidden", "we ird", "-dash", "a\nb"}) {
      fs::create_directories(paths_.model_home / name);
    }
    for (const char* name : {"models--org--Alpha-1B", "models--mlx-community--Beta", "models--gpt2", "models--..--..",
                             "models--org--..", "models----", "datasets--org--x", "models--org--new\nline"}) {
      fs::create_directories(paths_.hub_cache / name / "snapshots" / std::string(40, 'a'));
      fs::create_directories(paths_.hub_cache / name / "refs" / "pr");
      std::ofstream(paths_.hub_cache / name / "refs" / "main") << std::string(40, 'a');
      std::ofstream(paths_.hub_cache / name / "refs" / "pr" / "1") << "../../../outside/model";
    }
    fs::create_directories(paths_.hub_cache / "models--gpt2" / "snapshots" / ("ab" + std::string(38, '0')));
  }
  ~Tree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  const burin::hub::HubPaths& paths() const { return paths_; }

 private:
  fs::path root_;
  burin::hub::HubPaths paths_{.home = root_ / "outside", .model_home = root_ / "models", .hub_cache = root_ / "hub"};
};

bool is_below(const fs::path& path, const fs::path& folder) {
  const std::string inner = path.string();
  const std::string outer = folder.string() + "/";
  return inner.starts_with(outer) && inner.find("/../") == std::string::npos && !inner.ends_with("/..");
}

void check(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace burin;
  static const Tree kTree;
  const std::string name(reinterpret_cast<const char*>(data), size);
  const bool path = !name.empty() && (name[0] == '/' || name[0] == '.' || name[0] == '~');
  try {
    const hub::ResolvedModel model = hub::resolve_model(name, kTree.paths());
    check(fs::is_directory(model.dir));
    check(path || is_below(model.dir, kTree.paths().model_home) || is_below(model.dir, kTree.paths().hub_cache));
    check(model.hash.empty() || hub::is_commit_hash(model.hash));
  } catch (const Error& error) {
    check(error.code() == ErrorCode::NotFound || error.code() == ErrorCode::Ambiguous);
    check(!error.message().empty());
  }
  return 0;
}
