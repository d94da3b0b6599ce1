#include "models/weights.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/memory_map.h"

namespace burin::models {
namespace {

namespace fs = std::filesystem;

mx::Dtype to_mx(Dtype dtype) {
  switch (dtype) {
    case Dtype::Bool:
      return mx::bool_;
    case Dtype::U8:
    case Dtype::F8E4M3:
    case Dtype::F8E8M0:
      return mx::uint8;  // MLX has no type for them; who reads them decodes the bytes
    case Dtype::I8:
      return mx::int8;
    case Dtype::U16:
      return mx::uint16;
    case Dtype::I16:
      return mx::int16;
    case Dtype::U32:
      return mx::uint32;
    case Dtype::I32:
      return mx::int32;
    case Dtype::U64:
      return mx::uint64;
    case Dtype::I64:
      return mx::int64;
    case Dtype::F16:
      return mx::float16;
    case Dtype::BF16:
      return mx::bfloat16;
    case Dtype::F32:
      return mx::float32;
    default:
      throw Error(ErrorCode::Unsupported, "weights", "tensors of type " + std::string(name(dtype)));
  }
}

/** Names every shard that the index promises; the folder must hold each. */
void check_index(const fs::path& model_dir, const std::vector<fs::path>& present) {
  const fs::path index = model_dir / "model.safetensors.index.json";
  if (!fs::exists(index)) {
    return;
  }
  const std::string name = index.filename().string();
  const JsonLimits limits{.max_bytes = size_t{256} << 20};
  const SortedJson json = parse_sorted_json(read_file(index, limits.max_bytes), name, limits);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object()) {
    throw Error(ErrorCode::Corrupt, name, "has no \"weight_map\"");
  }
  for (const auto& [tensor, shard] : map->items()) {
    const std::string file = shard.is_string() ? shard.get<std::string>() : "";
    const bool plain = !file.empty() && fs::path(file).filename() == file;
    if (!plain || std::ranges::none_of(present, [&](const fs::path& p) { return p.filename() == file; })) {
      throw Error(ErrorCode::Corrupt, name, fmt::format("shard \"{}\" of tensor {} is missing", file, tensor))
          .hint("the download is incomplete; fetch the model again");
    }
  }
}

/** Whole huge pages inside a large buffer: far fewer page faults while it fills. */
void advise_huge_pages(std::byte* data, uint64_t nbytes) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
  const uintptr_t end = (address + nbytes) / kHugePage * kHugePage;
  if (end > begin) {
    ::madvise(data + (begin - address), end - begin, MADV_HUGEPAGE);
  }
}

void widen_bfloat16(const uint16_t* from, float* to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const uint32_t bits = static_cast<uint32_t>(from[i]) << 16;
    std::memcpy(to + i, &bits, sizeof bits);
  }
}

#if defined(__x86_64__)
__attribute__((target("f16c")))
#endif
void widen_float16(const uint16_t* from, float* to, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    _Float16 half;
    std::memcpy(&half, from + i, sizeof half);
    to[i] = static_cast<float>(half);
  }
}

}  // namespace

std::vector<fs::path> weight_files(const fs::path& model_dir) {
  std::vector<fs::path> files = entries_of(model_dir);
  std::erase_if(files, [](const fs::path& path) {
    const std::string name = path.filename().string();
    return !name.starts_with("model") || !name.ends_with(".safetensors");
  });
  if (files.empty()) {
    throw Error(ErrorCode::NotFound, "weights", "no model*.safetensors in " + model_dir.filename().string())
        .hint("burin runs MLX-format folders; GGUF files are brought in with `burin import`");
  }
  return files;
}

WeightFiles::WeightFiles(const fs::path& model_dir) : model_dir_(model_dir) {
  const std::vector<fs::path> files = weight_files(model_dir);
  check_index(model_dir, files);
  for (const fs::path& file : files) {
    add_file(file);
  }
}

void WeightFiles::add_file(const fs::path& path) {
  files_.push_back(std::make_unique<InputFile>(path));
  const InputFile* file = files_.back().get();
  for (const TensorInfo& tensor : read_safetensors_header(*file).tensors) {
    mx::Shape shape;
    for (const int64_t dim : tensor.shape) {
      shape.push_back(static_cast<int>(dim));
    }
    Entry entry{.stored = {.shape = std::move(shape), .dtype = to_mx(tensor.dtype)},
                .file = file,
                .offset = tensor.offset,
                .nbytes = tensor.nbytes};
    if (!entries_.emplace(tensor.name, std::move(entry)).second) {
      throw Error(ErrorCode::Corrupt, file->name(), "tensor " + tensor.name + " is also in another file");
    }
  }
}

const nn::StoredTensor* WeightFiles::find(const std::string& name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? nullptr : &it->second.stored;
}

std::vector<std::string> WeightFiles::names() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& item : entries_) {
    names.push_back(item.first);
  }
  return names;
}

std::vector<std::byte> WeightFiles::read(const std::string& name) const {
  const Entry& entry = entries_.at(name);
  std::vector<std::byte> bytes(entry.nbytes);
  entry.file->read_at(entry.offset, bytes);
  return bytes;
}

mx::allocator::Data WeightFiles::allocate(uint64_t size, const std::string& name) {
  mx::allocator::Data data = mx::allocator::malloc(size);
  auto* target = static_cast<std::byte*>(data.buffer().raw_ptr());
  if (target == nullptr && size > 0) {
    throw Error(ErrorCode::ResourceExhausted, "weights", fmt::format("no memory for {} bytes of {}", size, name));
  }
  advise_huge_pages(target, size);
  taken_bytes_ += size;
  return data;
}

mx::array WeightFiles::compute(const nn::StoredTensor& result, const std::vector<std::string>& sources,
                               std::function<void(std::byte*)> fill) {
  for (const std::string& source : sources) {
    entries_.at(source).taken = true;
  }
  uint64_t size = result.dtype.size();
  for (const int dim : result.shape) {
    size *= static_cast<uint64_t>(dim);
  }
  mx::allocator::Data data = allocate(size, sources.front());
  auto* target = static_cast<std::byte*>(data.buffer().raw_ptr());
  computations_.emplace_back([fill = std::move(fill), target] { fill(target); });
  return mx::array(std::move(data), result.shape, result.dtype);
}

mx::array WeightFiles::take(const std::string& name, bool widen) {
  Entry& entry = entries_.at(name);
  const bool half = entry.stored.dtype == mx::float16 || entry.stored.dtype == mx::bfloat16;
  const bool widens = widen && half;
  const uint64_t size = entry.nbytes * (widens ? 2 : 1);
  mx::allocator::Data data = allocate(size, name);
  auto* target = static_cast<std::byte*>(data.buffer().raw_ptr());
  for (uint64_t at = 0; at < entry.nbytes; at += kPiece) {
    jobs_.push_back({.file = entry.file,
                     .offset = entry.offset + at,
                     .nbytes = std::min(kPiece, entry.nbytes - at),
                     .target = target + at * (widens ? 2 : 1),
                     .widen = widens,
                     .is_bfloat16 = entry.stored.dtype == mx::bfloat16});
  }
  entry.taken = true;
  const mx::Dtype dtype = widens ? mx::float32 : entry.stored.dtype;
  if (entry.transposed) {
    const mx::Shape stored{entry.stored.shape[1], entry.stored.shape[0]};
    return mx::contiguous(mx::transpose(mx::array(std::move(data), stored, dtype)));
  }
  return mx::array(std::move(data), entry.stored.shape, dtype);
}

void WeightFiles::rename(const std::function<std::optional<SanitizedName>(const std::string&)>& sanitize) {
  std::map<std::string, Entry> renamed;
  for (auto& [stored_name, entry] : entries_) {
    const auto sanitized = sanitize(stored_name);
    if (!sanitized) {
      continue;
    }
    if (sanitized->transposed && entry.stored.shape.size() == 2) {
      std::swap(entry.stored.shape[0], entry.stored.shape[1]);
      entry.transposed = true;
    }
    if (!renamed.emplace(sanitized->name, std::move(entry)).second) {
      throw Error(ErrorCode::Corrupt, "weights", "two tensors are the " + sanitized->name + " of the decoder");
    }
  }
  entries_ = std::move(renamed);
}

void WeightFiles::drop_if(const std::function<bool(std::string_view)>& unused) {
  std::erase_if(entries_, [&](const auto& item) { return unused(item.first); });
}

void WeightFiles::require_all_taken() const {
  std::string extra;
  int count = 0;
  for (const auto& [name, entry] : entries_) {
    if (!entry.taken && ++count <= 3) {
      extra += (extra.empty() ? "" : ", ") + name;
    }
  }
  if (count > 0) {
    throw Error(ErrorCode::Corrupt, "weights",
                fmt::format("{} tensor{} config.json does not describe: {}{}", count, count == 1 ? "" : "s", extra,
                            count > 3 ? ", .." : ""));
  }
}

void WeightFiles::run(const ReadJob& job) {
  if (!job.widen) {
    job.file->read_at(job.offset, {job.target, job.nbytes});
    return;
  }
  std::vector<uint16_t> half(job.nbytes / 2);
  job.file->read_at(job.offset, std::as_writable_bytes(std::span(half)));
  auto* out = reinterpret_cast<float*>(job.target);
  job.is_bfloat16 ? widen_bfloat16(half.data(), out, half.size()) : widen_float16(half.data(), out, half.size());
}

void WeightFiles::read_all(const ReadOptions& options) {
  run_jobs(options);
  if (!pack_path_.empty() && !pack_fits_ && !packed_.empty()) {
    pack_file_.reset();
    write_pack_file(pack_path_, pack_key_, model_dir_, packed_);
  }
}

void WeightFiles::run_jobs(const ReadOptions& options) {
  const size_t total = jobs_.size() + computations_.size();
  std::atomic<size_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;
  using Report = std::function<void(double)>;
  const auto work = [&](const std::function<void()>& wait, const Report& report) {
    try {
      if (wait) {
        wait();
      }
      for (size_t i = next++; i < total; i = next++) {
        i < jobs_.size() ? run(jobs_[i]) : computations_[i - jobs_.size()]();
        if (report) {
          report(static_cast<double>(i + 1) / static_cast<double>(total));
        }
      }
    } catch (...) {
      const std::scoped_lock lock(failure_mutex);
      failure = std::current_exception();
      next = total;
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (int i = 1; i < options.threads; ++i) {
      helpers.emplace_back(work, i == 1 ? options.wait_for_cpu : nullptr, nullptr);
    }
    work(nullptr, options.on_progress);
  }
  jobs_.clear();
  computations_.clear();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace burin::models
