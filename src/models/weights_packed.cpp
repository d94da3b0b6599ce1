// The packed part of WeightFiles: matrices packed while they are read, or read as an earlier load left them.
#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/memory_map.h"
#include "models/weights.h"
#include "ops/quantized.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kPackPiece = int64_t{1} << 20;

ops::QuantizedMatrix with_data(ops::QuantizedMatrix shape, const std::byte* codes, const std::byte* scales,
                               const std::byte* biases) {
  shape.codes = reinterpret_cast<const uint32_t*>(codes);
  shape.scales = scales;
  shape.biases = biases;
  return shape;
}

}  // namespace

/** What one matrix is packed from. */
struct WeightFiles::PackJob {
  Entry codes, scales;
  std::optional<Entry> biases;
  ops::QuantizedMatrix shape;
  std::shared_ptr<ops::PackedWeight> weight;
};

/** Reads the rows of some panels and packs them: never more than these are there twice. */
void WeightFiles::pack_panels(const PackJob& job, int64_t begin, int64_t end) {
  const int64_t first = begin * ops::kPanelHeight;
  const int64_t count = std::min(end * ops::kPanelHeight, job.shape.rows) - first;
  const auto read = [&](const Entry& entry) {
    const uint64_t row_bytes = entry.nbytes / static_cast<uint64_t>(job.shape.rows);
    const uint64_t size = row_bytes * static_cast<uint64_t>(count);
    auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
    entry.file->read_at(entry.offset + row_bytes * static_cast<uint64_t>(first), {bytes.get(), size});
    return bytes;
  };
  const auto codes = read(job.codes);
  const auto scales = read(job.scales);
  const auto biases = job.biases ? read(*job.biases) : nullptr;
  ops::QuantizedMatrix part = with_data(job.shape, codes.get(), scales.get(), biases.get());
  part.rows = count;
  ops::pack(part, 0, end - begin, job.weight->data() + begin * job.weight->matrix().panel_bytes());
}

/** The model's next packed matrix, as an earlier load left it or in memory that is to be filled. */
WeightFiles::NextPacked WeightFiles::next_packed(const ops::QuantizedMatrix& shape) {
  const ops::PackedMatrix form = ops::packed_form(shape);
  const auto size = static_cast<uint64_t>(form.nbytes());
  taken_bytes_ += size;
  auto weight = pack_file_ ? pack_file_->find(packed_.size(), form) : nullptr;
  const bool kept = weight != nullptr;
  pack_fits_ = pack_fits_ && kept;
  for (uint64_t at = 0; kept && at < size; at += kPiece) {
    computations_.emplace_back([weight, at, piece = std::min(kPiece, size - at), path = pack_path_] {
      if (!load_pages(weight->data() + at, piece)) {
        throw Error(ErrorCode::Corrupt, path.filename().string(), "cannot be read")
            .hint("remove " + path.string() + ": it is made anew");
      }
    });
  }
  if (!kept) {
    weight = arena_.allocate(form);
  }
  packed_.push_back(weight);
  return {weight, kept};
}

void WeightFiles::keep_packed(const fs::path& path) {
  pack_path_ = path;
  pack_key_ = pack_key(model_dir_);
  pack_file_ = PackFile::open(path, pack_key_);
  pack_fits_ = pack_file_.has_value();
}

ops::PackedWeightPtr WeightFiles::pack(const std::string& path, const nn::QuantizationEntry& entry) {
  Entry& codes = entries_.at(path + ".weight");
  Entry& scales = entries_.at(path + ".scales");
  const bool affine = entry.mode == ops::QuantizationMode::Affine;
  Entry* const biases = affine ? &entries_.at(path + ".biases") : nullptr;
  const auto type = ops::scale_type(scales.stored.dtype, entry.mode);
  if (codes.transposed || !type || (affine && biases->stored.dtype != scales.stored.dtype)) {
    return nullptr;
  }
  codes.taken = scales.taken = true;
  PackJob job{.codes = codes, .scales = scales, .biases = std::nullopt, .shape = {}, .weight = nullptr};
  if (affine) {
    biases->taken = true;
    job.biases = *biases;
  }
  job.shape.scale_type = *type;
  job.shape.rows = codes.stored.shape[0];
  job.shape.columns = int64_t{scales.stored.shape[1]} * entry.group_size;
  job.shape.group_size = entry.group_size;
  job.shape.bits = entry.bits;
  bool kept = false;
  std::tie(job.weight, kept) = next_packed(job.shape);
  if (kept) {
    return job.weight;
  }
  const ops::PackedMatrix& matrix = job.weight->matrix();
  const int64_t step = std::max<int64_t>(1, kPackPiece / matrix.panel_bytes());
  for (int64_t panel = 0; panel < matrix.panels(); panel += step) {
    computations_.emplace_back(
        [job, panel, end = std::min(panel + step, matrix.panels())] { pack_panels(job, panel, end); });
  }
  return job.weight;
}

ops::PackedWeightPtr WeightFiles::pack_computed(const ops::QuantizedMatrix& shape,
                                                const std::vector<std::string>& sources, std::function<Filled()> fill) {
  for (const std::string& source : sources) {
    entries_.at(source).taken = true;
  }
  const auto next = next_packed(shape);
  if (next.second) {
    return next.first;
  }
  computations_.emplace_back([shape, weight = next.first, fill = std::move(fill)] {
    const Filled bytes = fill();
    ops::pack(with_data(shape, bytes[0].data(), bytes[1].data(), bytes[2].data()), 0, weight->matrix().panels(),
              weight->data());
  });
  return next.first;
}

}  // namespace burin::models
