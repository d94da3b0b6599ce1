#include "models/pack_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/memory_map.h"
#include "models/fingerprint.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".packed.safetensors";
constexpr const char* kKey = "key";
constexpr const char* kModelDir = "model_dir";

/** Differs where anything about the matrix differs. */
std::string entry_name(size_t index, const ops::PackedMatrix& w) {
  return fmt::format("{:05} {}x{} {} bits group {} scales {}", index, w.rows, w.columns, w.bits, w.group_size,
                     static_cast<int>(w.scale_type));
}

std::vector<TensorInfo> entries_for(const std::vector<ops::PackedWeightPtr>& weights) {
  std::vector<TensorInfo> entries;
  for (size_t i = 0; i < weights.size(); ++i) {
    const ops::PackedMatrix& w = weights[i]->matrix();
    entries.push_back({.name = entry_name(i, w), .dtype = Dtype::U8, .shape = {w.panels(), w.panel_bytes()}});
  }
  return entries;
}

/** Files of folders that are no longer there, such as older revisions of a model. */
void remove_orphans(const fs::path& folder) {
  for (const fs::path& path : entries_of(folder)) {
    if (!path.filename().string().ends_with(kExtension)) {
      continue;
    }
    try {
      const auto metadata = read_safetensors_header(InputFile(path)).metadata;
      const auto model_dir = metadata.find(kModelDir);
      std::error_code ignored;
      if (model_dir != metadata.end() && !fs::exists(model_dir->second, ignored)) {
        fs::remove(path, ignored);
      }
    } catch (const Error&) {
      continue;  // not ours to judge
    }
  }
}

}  // namespace

fs::path pack_path(const fs::path& folder, const fs::path& model_dir) {
  const std::string whole = fs::weakly_canonical(model_dir).string();
  const std::string name = fs::path(whole).filename().string();
  return folder / fmt::format("{}-{:016x}{}", name, std::hash<std::string>()(whole), kExtension);
}

std::string pack_key(const fs::path& model_dir) {
  return fmt::format("layout {} model {}", kernels::kPackedLayout, model_fingerprint(model_dir));
}

std::optional<PackFile> PackFile::open(const fs::path& path, const std::string& key) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    return std::nullopt;
  }
  try {
    const InputFile file(path);
    SafetensorsHeader header = read_safetensors_header(file);
    if (header.metadata[kKey] != key) {
      return std::nullopt;
    }
    PackFile pack;
    pack.tensors_ = std::move(header.tensors);
    pack.bytes_ = map_file(file, "packed weights");
    return pack;
  } catch (const Error&) {
    return std::nullopt;  // it is written anew
  }
}

std::shared_ptr<ops::PackedWeight> PackFile::find(size_t index, const ops::PackedMatrix& shape) const {
  if (index >= tensors_.size() || tensors_[index].name != entry_name(index, shape) ||
      tensors_[index].nbytes != static_cast<uint64_t>(shape.nbytes())) {
    return nullptr;
  }
  std::shared_ptr<std::byte> data(bytes_, bytes_.get() + tensors_[index].offset);
  return std::make_shared<ops::PackedWeight>(shape, std::move(data));
}

void write_pack_file(const fs::path& path, const std::string& key, const fs::path& model_dir,
                     const std::vector<ops::PackedWeightPtr>& weights) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    throw Error(ErrorCode::Permission, "packed weights", "cannot make the folder for them: " + error.message());
  }
  remove_orphans(path.parent_path());
  SafetensorsWriter writer(path, entries_for(weights),
                           {{kKey, key}, {kModelDir, fs::weakly_canonical(model_dir).string()}});
  for (const ops::PackedWeightPtr& weight : weights) {
    const ops::PackedMatrix& w = weight->matrix();
    writer.write({w.data, static_cast<size_t>(w.nbytes())});
  }
  writer.commit();
}

}  // namespace burin::models
