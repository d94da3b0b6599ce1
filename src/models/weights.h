// The tensors of a model folder: headers checked first, bytes read in parallel straight into MLX's buffers.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/safetensors.h"
#include "models/architecture.h"
#include "models/pack_file.h"
#include "nn/parameters.h"

namespace burin::models {

/** The `model*.safetensors` of a folder, sorted. Throws: NotFound without any. */
std::vector<std::filesystem::path> weight_files(const std::filesystem::path& model_dir);

/**
 * All `model*.safetensors` of a folder as one set of tensors.
 * Throws: NotFound without any; Corrupt for bad headers, a name in two files, or a shard that the index names and
 * the folder lacks.
 */
class WeightFiles : public nn::TensorSource {
 public:
  explicit WeightFiles(const std::filesystem::path& model_dir);

  const nn::StoredTensor* find(const std::string& name) const override;
  mx::array take(const std::string& name, bool widen) override;
  ops::PackedWeightPtr pack(const std::string& path, const nn::QuantizationEntry& entry) override;
  /** As `pack`, for a matrix that is computed while read_all runs: `fill` gives codes, scales and biases, if any. */
  using Filled = std::array<std::vector<std::byte>, 3>;
  ops::PackedWeightPtr pack_computed(const ops::QuantizedMatrix& shape, const std::vector<std::string>& sources,
                                     std::function<Filled()> fill);

  /** Packed weights are mapped from `path` where it fits this model, and else kept there once read_all is done. */
  void keep_packed(const std::filesystem::path& path);

  std::vector<std::string> names() const;
  /** The tensor's bytes as they are in the file. Threads: any. Throws: Corrupt when the file ends early. */
  std::vector<std::byte> read(const std::string& name) const;
  /** An array that `fill` makes from `sources` while read_all runs; these count as taken. Threads: fill is on any. */
  mx::array compute(const nn::StoredTensor& result, const std::vector<std::string>& sources,
                    std::function<void(std::byte* out)> fill);

  /** Gives tensors their names in the decoder. Throws: Corrupt when two would have the same. */
  void rename(const std::function<std::optional<SanitizedName>(const std::string& name)>& sanitize);
  /** Leaves out tensors that the architecture has no use for. */
  void drop_if(const std::function<bool(std::string_view name)>& unused);
  /** Throws: Corrupt, naming tensors that nothing took. */
  void require_all_taken() const;
  struct ReadOptions {
    int threads = 1;
    std::function<void()> wait_for_cpu;  // called by one of the threads, not the caller's, before it reads
    std::function<void(double fraction)> on_progress;
  };
  /** Fills every array that was taken. Throws: Corrupt when a file ends early. */
  void read_all(const ReadOptions& options);
  /** Bytes that the taken arrays occupy in memory. */
  uint64_t taken_bytes() const { return taken_bytes_; }

 private:
  struct Entry {
    nn::StoredTensor stored;
    const InputFile* file;
    uint64_t offset;
    uint64_t nbytes;
    bool transposed = false;
    bool taken = false;
  };
  struct ReadJob {
    const InputFile* file;
    uint64_t offset;
    uint64_t nbytes;
    std::byte* target;
    bool widen;
    bool is_bfloat16;
  };

  static constexpr uint64_t kPiece = uint64_t{8} << 20;  // bytes that one job reads
  struct PackJob;
  static void pack_panels(const PackJob& job, int64_t begin, int64_t end);
  using NextPacked = std::pair<std::shared_ptr<ops::PackedWeight>, bool>;  // whether it is filled already
  NextPacked next_packed(const ops::QuantizedMatrix& shape);
  void run_jobs(const ReadOptions& options);
  void add_file(const std::filesystem::path& path);
  mx::allocator::Data allocate(uint64_t size, const std::string& name);
  static void run(const ReadJob& job);

  std::vector<std::unique_ptr<InputFile>> files_;
  std::map<std::string, Entry> entries_;
  std::vector<ReadJob> jobs_;
  std::vector<std::function<void()>> computations_;
  ops::PackedArena arena_;
  std::filesystem::path model_dir_;
  std::filesystem::path pack_path_;  // empty: packed weights are not kept
  std::string pack_key_;
  std::optional<PackFile> pack_file_;
  bool pack_fits_ = false;  // so far
  std::vector<ops::PackedWeightPtr> packed_;
  uint64_t taken_bytes_ = 0;
};

}  // namespace burin::models
