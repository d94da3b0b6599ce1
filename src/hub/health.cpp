#include "hub/health.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/safetensors.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 4;
constexpr size_t kMaxFiles = 100000;
constexpr uint64_t kMaxPointerBytes = 1024;
constexpr uint64_t kMaxJsonBytes = uint64_t{64} << 20;
constexpr std::string_view kIndex = "model.safetensors.index.json";

void walk(const fs::path& dir, const std::string& prefix, int depth, std::vector<ModelFile>& files) {
  std::error_code error;
  for (fs::directory_iterator it(dir, error), end; !error && it != end && files.size() < kMaxFiles;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) {
      if (depth < kMaxDepth && !name.starts_with('.')) {
        walk(it->path(), prefix + name + "/", depth + 1, files);
      }
      continue;
    }
    if (it->is_directory(ignored)) {
      continue;
    }
    const bool readable = it->is_regular_file(ignored);
    const uint64_t size = readable ? it->file_size(ignored) : 0;
    files.push_back({.name = prefix + name, .size_bytes = size, .readable = readable});
  }
}

/** The first problem found; thrown inside this file only. */
struct Problem {
  std::string reason;
};

[[noreturn]] void problem(const Error& error) {
  throw Problem{error.message()};
}

[[noreturn]] void problem(std::string_view file, std::string_view what) {
  throw Problem{std::string(file) + ": " + std::string(what)};
}

class Checker {
 public:
  Checker(const fs::path& dir, const std::vector<ModelFile>& files) : dir_(dir) {
    for (const ModelFile& file : files) {
      files_.emplace(file.name, file);
    }
  }

  void check() const {
    for (const auto& [name, file] : files_) {
      if (name.ends_with(".partial") || name.ends_with(".tmp") || name.ends_with(".incomplete")) {
        problem(name, "left over from a download that did not finish");
      }
    }
    const nlohmann::json config = json_of("config.json");
    if (!config.is_object() || config.empty()) {
      problem("config.json", "not a JSON object with content");
    }
    const bool gguf = check_weights();
    if (!gguf) {
      check_tokenizer();
    }
    const bool vision = config.contains("vision_config");
    if (vision && !has("preprocessor_config.json") && !has("processor_config.json")) {
      problem("preprocessor_config.json", "missing, and the model reads images");
    }
  }

 private:
  bool has(std::string_view name) const { return files_.contains(name); }

  /** Present, readable, with content, and not a Git LFS pointer. */
  void require(const std::string& name) const {
    const auto it = files_.find(name);
    if (it == files_.end()) {
      problem(name, "missing");
    }
    if (!it->second.readable) {
      problem(name, "a broken link or no regular file");
    }
    if (it->second.size_bytes == 0) {
      problem(name, "empty");
    }
    if (it->second.size_bytes < kMaxPointerBytes &&
        read_file(dir_ / name, kMaxPointerBytes).starts_with("version https://git-lfs")) {
      problem(name, "a Git LFS pointer instead of the content");
    }
  }

  nlohmann::json json_of(const std::string& name) const {
    require(name);
    try {
      // Plain nlohmann::json: the order-keeping kind needs quadratic time on an index of many tensors.
      auto value = nlohmann::json::parse(read_file(dir_ / name, kMaxJsonBytes), nullptr, false);
      if (value.is_discarded()) {
        problem(name, "not valid JSON");
      }
      return value;
    } catch (const Error& error) {
      problem(error);
    }
  }

  /** Only the two ends: a vocabulary takes too long to parse in a listing, and a torn file lacks its end. */
  void require_object_ends(const std::string& name) const {
    require(name);
    const InputFile file(dir_ / name);
    std::string ends(2, ' ');
    file.read_at(0, std::as_writable_bytes(std::span(ends).first(1)));
    for (uint64_t at = file.size();
         at > 0 && file.size() - at < 16 && std::isspace(static_cast<unsigned char>(ends[1]));) {
      file.read_at(--at, std::as_writable_bytes(std::span(ends).last(1)));
    }
    if (ends != "{}") {
      problem(name, "not a whole JSON object");
    }
  }

  std::set<std::string> tensors_of(const std::string& name) const {
    require(name);
    try {
      std::set<std::string> tensors;
      for (TensorInfo& tensor : read_safetensors_header(InputFile(dir_ / name)).tensors) {
        tensors.insert(std::move(tensor.name));
      }
      return tensors;
    } catch (const Error& error) {
      problem(error);
    }
  }

  void check_index() const {
    const nlohmann::json index = json_of(std::string(kIndex));
    const auto map = index.is_object() ? index.find("weight_map") : index.end();
    if (!index.is_object() || map == index.end() || !map->is_object() || map->empty()) {
      problem(kIndex, "has no weight_map");
    }
    std::map<std::string, std::vector<std::string>> shards;
    for (const auto& [tensor, shard] : map->items()) {
      if (!shard.is_string() || shard.get<std::string>().find('/') != std::string::npos) {
        problem(kIndex, "a shard is not a file name");
      }
      shards[shard.get<std::string>()].push_back(tensor);
    }
    for (const auto& [shard, promised] : shards) {
      const std::set<std::string> tensors = tensors_of(shard);
      for (const std::string& tensor : promised) {
        if (!tensors.contains(tensor)) {
          problem(shard, "lacks the tensor " + tensor + " that the index promises");
        }
      }
    }
  }

  /** True when the weights are GGUF, which brings its own tokenizer. */
  bool check_weights() const {
    if (has(kIndex)) {
      check_index();
      return false;
    }
    bool found = false;
    bool gguf = false;
    bool pickle = false;
    for (const auto& [name, file] : files_) {
      const bool top = name.find('/') == std::string::npos;
      if (top && name.ends_with(".safetensors")) {
        if (name.starts_with("model-") && name.find("-of-") != std::string::npos) {
          problem(kIndex, "missing, and the weights are in several files");
        }
        tensors_of(name);
        found = true;
      }
      gguf = gguf || name.ends_with(".gguf");
      pickle = pickle || (top && (name.ends_with(".bin") || name.ends_with(".pt") || name.ends_with(".pth")));
    }
    if (!found && !gguf) {
      problem("model.safetensors", pickle ? "missing; the pickled weights are not read" : "missing");
    }
    return !found;
  }

  void check_tokenizer() const {
    if (has("tokenizer.model") && !has("tokenizer.json") && !has("tokenizer_config.json")) {
      return;
    }
    require_object_ends("tokenizer.json");
    if (has("tokenizer_config.json")) {
      json_of("tokenizer_config.json");
    }
  }

  fs::path dir_;
  std::map<std::string, ModelFile, std::less<>> files_;
};

}  // namespace

std::vector<ModelFile> list_files(const fs::path& dir) {
  std::vector<ModelFile> files;
  walk(dir, "", 0, files);
  std::ranges::sort(files, {}, &ModelFile::name);
  return files;
}

HealthReport check_health(const fs::path& dir, const std::vector<ModelFile>& files) {
  try {
    Checker(dir, files).check();
    return {};
  } catch (const Problem& found) {
    return {.healthy = false, .reason = found.reason};
  } catch (const Error& error) {
    return {.healthy = false, .reason = error.what()};
  }
}

}  // namespace burin::hub
