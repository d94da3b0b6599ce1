#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/error.h"
#include "base/safetensors.h"
#include "hub/health_checks.h"

namespace burin::hub {
namespace {

constexpr uint64_t kMaxIndexBytes = uint64_t{64} << 20;
constexpr uint64_t kSmallestFile = 8;  // the length of the header alone
constexpr int kMaxShards = 10000;
constexpr std::string_view kIndex = "model.safetensors.index.json";

bool is_shard(std::string_view name) {
  return name.starts_with("model-") && name.find("-of-") != name.npos;
}

/** The names of a set of shards "STEM-00001-of-00003.safetensors", from any of them; only itself when it has none. */
std::vector<std::string> shards_beside(const std::string& name) {
  const size_t of = name.find("-of-");
  const size_t number = of == std::string::npos ? of : name.rfind('-', of - 1);
  const size_t end = name.find('.', of);
  if (of == std::string::npos || number == std::string::npos || end == std::string::npos) {
    return {name};
  }
  int count = 0;
  const char* last = name.data() + end;
  const auto parsed = std::from_chars(name.data() + of + 4, last, count);
  if (parsed.ec != std::errc() || parsed.ptr != last || count < 1 || count > kMaxShards) {
    return {name};
  }
  std::vector<std::string> names;
  for (int i = 1; i <= count; ++i) {
    names.push_back(fmt::format("{}{:0{}}{}", name.substr(0, number + 1), i, of - number - 1, name.substr(of)));
  }
  return names;
}

/** The tensors that a file holds; nothing with a finding when its header is not right. */
std::optional<std::set<std::string>> tensors_of(const HealthSubject& subject, const std::string& name,
                                                std::string_view code) {
  if (!subject.require(name, code)) {
    return std::nullopt;
  }
  if (subject.folder.find(name)->size_bytes < kSmallestFile) {
    subject.corrupt(name, "header_invalid", "too short for a safetensors file");
    return std::nullopt;
  }
  std::set<std::string> tensors;
  if (subject.options.depth == HealthDepth::Names) {
    return tensors;
  }
  try {
    for (TensorInfo& tensor : read_safetensors_header(InputFile(subject.folder.dir() / name)).tensors) {
      tensors.insert(std::move(tensor.name));
    }
    return tensors;
  } catch (const Error& error) {
    const bool named = error.message().starts_with(name + ": ");
    subject.corrupt(name, "header_invalid", named ? error.message().substr(name.size() + 2) : error.message());
    return std::nullopt;
  }
}

using WeightMap = std::map<std::string, std::vector<std::string>>;

/** Shards and what each should hold. Throws: Corrupt, the message without the file's name. */
WeightMap read_index(const ModelFolder& folder) {
  const auto fail = [](const char* what) { return Error(ErrorCode::Corrupt, "", what); };
  SortedJson index;
  try {
    index = parse_sorted_json(folder.read(std::string(kIndex), kMaxIndexBytes), kIndex);
  } catch (const Error&) {
    throw fail("not valid JSON");
  }
  const auto map = index.is_object() ? index.find("weight_map") : index.end();
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty()) {
    throw fail("has no weight_map");
  }
  WeightMap shards;
  for (const auto& [tensor, shard] : map->items()) {
    if (!shard.is_string() || shard.get_ref<const std::string&>().find('/') != std::string::npos) {
      throw fail("a shard is not a file name");
    }
    shards[shard.get<std::string>()].push_back(tensor);
  }
  return shards;
}

void check_shard(const HealthSubject& subject, const std::string& shard, const std::vector<std::string>& promised) {
  const auto tensors = tensors_of(subject, shard, "missing_shard");
  if (!tensors) {
    return;
  }
  const auto lacks = [&](const std::string& tensor) { return !tensors->contains(tensor); };
  const auto missing = std::ranges::count_if(promised, lacks);
  if (missing > 0) {
    const std::string& first = *std::ranges::find_if(promised, lacks);
    subject.findings.add(
        {Verdict::Corrupt, shard, "index_mismatch", fmt::format("lacks the tensor {} that the index promises", first),
         std::to_string(promised.size()), std::to_string(promised.size() - static_cast<size_t>(missing))});
  }
}

void check_index(const HealthSubject& subject) {
  if (!subject.require(std::string(kIndex), "missing_index")) {
    return;
  }
  try {
    for (const auto& [shard, promised] : read_index(subject.folder)) {
      check_shard(subject, shard, promised);
    }
  } catch (const Error& error) {
    subject.corrupt(kIndex, "index_invalid", error.message());
  }
}

/** What stands at the top of the folder. */
struct WeightFiles {
  std::vector<std::string> safetensors;
  std::vector<std::string> shards;  // those of safetensors that are parts of a set
  bool gguf = false;
  bool pickle = false;
};

WeightFiles weight_files(const ModelFolder& folder) {
  WeightFiles found;
  for (const ModelFile& file : folder.files()) {
    const auto ends = [&](std::string_view end) { return file.name.ends_with(end); };
    const bool top = file.name.find('/') == std::string::npos;
    if (top && ends(".safetensors")) {
      found.safetensors.push_back(file.name);
      if (is_shard(file.name)) {
        found.shards.push_back(file.name);
      }
    }
    found.gguf = found.gguf || ends(".gguf");
    found.pickle = found.pickle || (top && (ends(".bin") || ends(".pt") || ends(".pth")));
  }
  return found;
}

/** By name alone: every part of a set that one part speaks of. */
void check_shard_names(const HealthSubject& subject, const WeightFiles& found) {
  for (const std::string& name : found.shards.empty() ? found.shards : shards_beside(found.shards.front())) {
    subject.require(name, "missing_shard");
  }
}

}  // namespace

bool check_weights(const HealthSubject& subject) {
  const WeightFiles found = weight_files(subject.folder);
  if (subject.folder.has(kIndex) && subject.options.depth != HealthDepth::Names) {
    check_index(subject);
    return false;
  }
  if (found.safetensors.empty() && !found.gguf) {
    if (subject.folder.has(kIndex)) {
      subject.incomplete("model.safetensors", "missing_shard", "missing");
    } else if (found.pickle) {
      subject.findings.add(
          {Verdict::Refused, "model.safetensors", "pickle_only", "missing; the pickled weights are not read", {}, {}});
    } else {
      subject.incomplete("model.safetensors", "missing_weights", "missing");
    }
    return false;
  }
  if (!found.shards.empty() && !subject.folder.has(kIndex)) {
    subject.incomplete(kIndex, "missing_index", "missing, and the weights are in several files");
  }
  check_shard_names(subject, found);
  for (const std::string& name : found.safetensors) {
    tensors_of(subject, name, "missing_shard");
  }
  return found.safetensors.empty();
}

}  // namespace burin::hub
