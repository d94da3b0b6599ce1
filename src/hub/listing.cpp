#include "hub/listing.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "hub/cache.h"

namespace burin::hub {

ModelInfo describe_default(const ModelName& model, const HubPaths& paths, const DescribeOptions& options) {
  const std::string hash = model.cached ? main_ref_of(paths.hub_cache, model.name) : "";
  if (!hash.empty()) {
    std::filesystem::path dir(repo_folder_path(paths.hub_cache, model.name) + "/snapshots/" + hash);
    // That it opens says that it is there: no look before.
    if (ModelFolder folder(dir, options.config); folder.is_open()) {
      return describe_folder({.name = model.name, .dir = std::move(dir), .hash = hash, .cached = true},
                             std::move(folder), options);
    }
  }
  return describe_model(resolve_default(model, paths), options);
}

std::vector<ModelInfo> describe_all(const std::vector<ModelName>& models, const HubPaths& paths,
                                    const DescribeOptions& options) {
  constexpr size_t kWorthAThread = 100;
  constexpr size_t kBlock = 16;  // models taken at a time: a thread that has to wait leaves the others more
  std::vector<std::optional<ModelInfo>> found(models.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t begin = next.fetch_add(kBlock); begin < models.size(); begin = next.fetch_add(kBlock)) {
      for (size_t i = begin; i < std::min(begin + kBlock, models.size()); ++i) {
        found[i] = describe_default(models[i], paths, options);
        found[i]->folder.clear();
      }
    }
  };
  // Twice as many as run at once: on a cold cache one of two waits for the disk.
  const size_t threads =
      std::clamp<size_t>(models.size() / kWorthAThread, 1, 2 * std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::future<void>> helpers;
  for (size_t i = 1; i < threads; ++i) {
    helpers.push_back(std::async(std::launch::async, work));
  }
  work();
  for (std::future<void>& helper : helpers) {
    helper.get();
  }
  std::vector<ModelInfo> infos;
  infos.reserve(found.size());
  for (std::optional<ModelInfo>& info : found) {
    infos.push_back(std::move(*info));
  }
  return infos;
}

}  // namespace burin::hub
