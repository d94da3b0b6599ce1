#include "generate/prompt_cache.h"

#include <fmt/core.h>

#include "base/error.h"
#include "base/json.h"
#include "base/prompt_cache_file.h"
#include "base/safetensors.h"

namespace burin::generate {
namespace {

constexpr const char* kTokens = "burin_tokens";
constexpr const char* kFingerprint = "burin_fingerprint";

Dtype stored_dtype(mx::Dtype dtype) {
  return dtype == mx::uint32     ? Dtype::U32
         : dtype == mx::float16  ? Dtype::F16
         : dtype == mx::bfloat16 ? Dtype::BF16
                                 : Dtype::F32;
}

TensorInfo tensor_of(std::string name, const mx::array& values) {
  return {.name = std::move(name),
          .dtype = stored_dtype(values.dtype()),
          .shape = {values.shape().begin(), values.shape().end()}};
}

/** The tensors of a file in the order of their bytes. */
class Content {
 public:
  explicit Content(const nn::CacheList& caches) {
    for (size_t i = 0; i < caches.size(); ++i) {
      const nn::CacheState state = caches[i]->state();
      layout.layers.push_back({.class_name = state.class_name, .arrays = {}, .scalars = state.scalars});
      const std::string layer = std::to_string(i) + ".";
      for (const auto& [path, array] : state.arrays) {
        add(layer + path, array);
      }
      for (const auto& [path, value] : state.scalars) {
        add(layer + path, mx::array(value, mx::int32));
      }
    }
    mx::eval(arrays);
  }

  PromptCacheFile layout;
  std::vector<TensorInfo> tensors;
  std::vector<mx::array> arrays;

 private:
  void add(std::string name, const mx::array& values) {
    arrays.push_back(mx::contiguous(values));
    tensors.push_back(tensor_of(std::move(name), values));
    if (values.dtype() == mx::int32) {
      tensors.back().dtype = Dtype::I32;
    }
  }
};

template <class T>
mx::array read_as(const InputFile& file, const TensorInfo& tensor, mx::Dtype dtype) {
  std::vector<T> values(tensor.nbytes / sizeof(T));
  file.read_at(tensor.offset, std::as_writable_bytes(std::span(values)));
  return mx::array(values.data(), mx::Shape(tensor.shape.begin(), tensor.shape.end()), dtype);
}

mx::array read_array(const InputFile& file, const TensorInfo& tensor) {
  switch (tensor.dtype) {
    case Dtype::F32:
      return read_as<float>(file, tensor, mx::float32);
    case Dtype::F16:
      return read_as<mx::float16_t>(file, tensor, mx::float16);
    case Dtype::BF16:
      return read_as<mx::bfloat16_t>(file, tensor, mx::bfloat16);
    case Dtype::U32:
      return read_as<uint32_t>(file, tensor, mx::uint32);
    default:
      throw Error(ErrorCode::Corrupt, file.name(),
                  fmt::format("{} is of type {}, which no cache has", tensor.name, name(tensor.dtype)));
  }
}

[[noreturn]] void refuse_foreign(const InputFile& file, const std::string& why) {
  throw Error(ErrorCode::InvalidArgument, "prompt cache",
              fmt::format("{} was made by another model: {}", file.name(), why))
      .hint("give the model that made it, or another file");
}

void check_model(const InputFile& file, const PromptCacheFile& content, const ModelIdentity& model) {
  const auto made_by = content.user_metadata.find("model");
  const std::string maker = made_by == content.user_metadata.end() ? "unnamed" : made_by->second;
  const auto fingerprint = content.user_metadata.find(kFingerprint);
  if (fingerprint != content.user_metadata.end() && fingerprint->second != model.fingerprint) {
    refuse_foreign(file, maker);
  }
}

/** Empty for a file that does not have them: mlx-lm's. */
std::vector<int32_t> read_tokens(const InputFile& file, const PromptCacheFile& content, int vocab_size) {
  const auto it = content.user_metadata.find(kTokens);
  if (it == content.user_metadata.end()) {
    return {};
  }
  std::vector<int32_t> tokens;
  const Json list = parse_json(it->second, file.name());
  for (const Json& id : list.is_array() ? list : Json::array({nullptr})) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(vocab_size)) {
      throw Error(ErrorCode::Corrupt, file.name(), "its tokens are no ids of this model");
    }
    tokens.push_back(id.get<int32_t>());
  }
  return tokens;
}

nn::CacheState state_of(const InputFile& file, const SavedCacheLayer& layer) {
  nn::CacheState state{.class_name = layer.class_name, .arrays = {}, .scalars = layer.scalars};
  for (const auto& [path, tensor] : layer.arrays) {
    state.arrays.emplace(path, read_array(file, tensor));
  }
  return state;
}

}  // namespace

uint64_t PromptCache::nbytes() const {
  uint64_t bytes = 0;
  for (const auto& layer : target.layers()) {
    bytes += layer->nbytes();
  }
  return bytes;
}

Sequence& PromptCache::draft(const models::Model& model) {
  if (!draft_) {
    draft_.emplace(model, text::CacheParams{});
  }
  return *draft_;
}

void PromptCache::clear() {
  target.clear();
  draft_.reset();
}

void save_prompt_cache(const PromptCache& cache, const ModelIdentity& model, const std::filesystem::path& file) {
  if (cache.size() == 0) {
    throw Error(ErrorCode::InvalidArgument, "prompt cache", "there is nothing in it to save");
  }
  Content content(cache.target.layers());
  content.layout.user_metadata = {{"model", model.name}, {"tokenizer_config", "{}"}, {kFingerprint, model.fingerprint}};
  if (cache.knows_its_tokens()) {
    content.layout.user_metadata[kTokens] = dump_json(cache.target.tokens());
  }
  SafetensorsWriter writer(file, content.tensors, prompt_cache_metadata(content.layout));
  for (const mx::array& array : content.arrays) {
    writer.write({array.data<std::byte>(), array.nbytes()});
  }
  writer.commit();
}

void load_prompt_cache(PromptCache& cache, const ModelIdentity& model, const std::filesystem::path& file) {
  const InputFile input(file);
  const PromptCacheFile content = read_prompt_cache_file(input);
  check_model(input, content, model);
  const std::vector<nn::CacheShape>& shapes = cache.target.model().cache_shapes();
  if (content.layers.size() != shapes.size()) {
    refuse_foreign(input, fmt::format("it has {} layers, this one {}", content.layers.size(), shapes.size()));
  }
  nn::CacheList caches;
  for (size_t i = 0; i < shapes.size(); ++i) {
    caches.push_back(nn::make_cache(state_of(input, content.layers[i]), shapes[i]));
  }
  cache.clear();
  cache.target.restore(std::move(caches), read_tokens(input, content, cache.target.model().facts().vocab_size));
}

}  // namespace burin::generate
