// Packed weights of a model kept on disk, so that the next load maps them instead of packing again. One safetensors
// file for each model folder; one that no longer fits its model is written anew.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/safetensors.h"
#include "ops/packed.h"

namespace burin::models {

/** Where the packed weights of `model_dir` are kept in `folder`. */
std::filesystem::path pack_path(const std::filesystem::path& folder, const std::filesystem::path& model_dir);

/** What must be the same for kept weights to be those of the model: its content and the layout. */
std::string pack_key(const std::filesystem::path& model_dir);

class PackFile {
 public:
  /** None where there is no file, or it is damaged or of another key. */
  static std::optional<PackFile> open(const std::filesystem::path& path, const std::string& key);

  /** The model's `index`-th packed matrix, mapped; null where the file has another there. */
  std::shared_ptr<ops::PackedWeight> find(size_t index, const ops::PackedMatrix& shape) const;

 private:
  std::shared_ptr<std::byte> bytes_;
  std::vector<TensorInfo> tensors_;
};

/**
 * Keeps `weights`, in order. Files of models that are gone are removed from the folder.
 * Throws: ResourceExhausted, Permission.
 */
void write_pack_file(const std::filesystem::path& path, const std::string& key, const std::filesystem::path& model_dir,
                     const std::vector<ops::PackedWeightPtr>& weights);

}  // namespace burin::models
