// Answers requests given as JSON lines on stdin, through the backend module as the program opens it:
//   generate_probe MODEL_DIR [exact|fast] [threads] [DRAFT_DIR]
// A line is {"ids": [..] | "prompt": text, "max_tokens", "stop", any sampling or cache parameter, "format": [kind,
// text]}; "cache" names a prompt cache that is made when first named, or read from the file "load", and written to the
// file "save" after the answer. The first line out holds the facts of the model, each further one an answer or
// {"error": .., "param": ..}.
#include <fmt/core.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>

#include "base/error.h"
#include "engine/backend.h"

namespace {

using burin::Json;
namespace engine = burin::engine;

engine::SamplingParams sampling_of(const Json& line) {
  engine::SamplingParams p;
  p.temperature = line.value("temperature", p.temperature);
  p.top_p = line.value("top_p", p.top_p);
  p.min_p = line.value("min_p", p.min_p);
  p.min_tokens_to_keep = line.value("min_tokens_to_keep", p.min_tokens_to_keep);
  p.top_k = line.value("top_k", p.top_k);
  p.xtc_probability = line.value("xtc_probability", p.xtc_probability);
  p.xtc_threshold = line.value("xtc_threshold", p.xtc_threshold);
  p.repetition_penalty = line.value("repetition_penalty", p.repetition_penalty);
  p.repetition_context_size = line.value("repetition_context_size", p.repetition_context_size);
  p.presence_penalty = line.value("presence_penalty", p.presence_penalty);
  p.presence_context_size = line.value("presence_context_size", p.presence_context_size);
  p.frequency_penalty = line.value("frequency_penalty", p.frequency_penalty);
  p.frequency_context_size = line.value("frequency_context_size", p.frequency_context_size);
  if (line.contains("logit_bias")) {
    for (const auto& [id, value] : line.at("logit_bias").items()) {
      p.logit_bias[std::stoi(id)] = value.get<float>();
    }
  }
  if (line.contains("seed")) {
    p.seed = line.at("seed").get<uint64_t>();
  }
  return p;
}

engine::CacheParams cache_params_of(const Json& line) {
  engine::CacheParams p;
  p.max_kv_size = line.value("max_kv_size", p.max_kv_size);
  p.kv_bits = line.value("kv_bits", p.kv_bits);
  p.kv_group_size = line.value("kv_group_size", p.kv_group_size);
  p.quantized_kv_start = line.value("quantized_kv_start", p.quantized_kv_start);
  return p;
}

engine::PromptCache* cache_of(engine::Backend& backend, const Json& line) {
  static std::map<std::string, std::unique_ptr<engine::PromptCache>> caches;
  if (!line.contains("cache")) {
    return nullptr;
  }
  auto& cache = caches[line.at("cache").get<std::string>()];
  if (line.contains("load")) {
    cache = backend.load_prompt_cache(line.at("load").get<std::string>(), cache_params_of(line));
  } else if (!cache) {
    cache = backend.make_prompt_cache(cache_params_of(line));
  }
  return cache.get();
}

engine::Speculation speculation_of(const Json& line) {
  const std::string method = line.value("speculation", "");
  engine::Speculation speculation;
  speculation.method = method == "model"    ? engine::DraftMethod::Model
                       : method == "lookup" ? engine::DraftMethod::PromptLookup
                                            : engine::DraftMethod::None;
  speculation.num_draft_tokens = line.value("num_draft_tokens", speculation.num_draft_tokens);
  return speculation;
}

std::optional<burin::text::GrammarSource> grammar_of(const Json& line) {
  using Kind = burin::text::GrammarSource::Kind;
  static const std::map<std::string, Kind> kKinds{
      {"schema", Kind::JsonSchema}, {"json", Kind::Json}, {"regex", Kind::Regex}, {"lark", Kind::Lark}};
  if (!line.contains("format")) {
    return std::nullopt;
  }
  const Json& format = line.at("format");
  return burin::text::GrammarSource{.kind = kKinds.at(format.at(0).get<std::string>()),
                                    .text = format.at(1).get<std::string>()};
}

Json answer(engine::Backend& backend, const Json& line) {
  engine::GenerateRequest request{.sampling = sampling_of(line)};
  request.prompt_ids = line.contains("ids") ? line.at("ids").get<std::vector<int32_t>>()
                                            : backend.tokenize(line.at("prompt").get<std::string>(), true);
  request.max_tokens = line.value("max_tokens", request.max_tokens);
  request.prefill_step_size = line.value("prefill_step_size", request.prefill_step_size);
  request.stop = line.value("stop", request.stop);
  request.ignore_eos = line.value("ignore_eos", false);
  request.cache_params = cache_params_of(line);
  request.cache = cache_of(backend, line);
  request.speculation = speculation_of(line);
  request.grammar = grammar_of(line);
  std::string joined;
  std::vector<float> logprobs;
  int finished = 0;
  const engine::GenerateResult result = backend.generate(request, [&](const engine::TokenEvent& event) {
    joined += event.text;
    if (event.id >= 0) {
      logprobs.push_back(event.logprob);
    }
    finished += event.finish_reason != engine::FinishReason::None ? 1 : 0;
    return true;
  });
  if (line.contains("save")) {
    backend.save_prompt_cache(*request.cache, line.at("save").get<std::string>());
  }
  return {{"tokens", result.tokens},
          {"text", result.text},
          {"streamed", joined},
          {"final_events", finished},
          {"logprobs", logprobs},
          {"finish_reason", to_string(result.finish_reason)},
          {"prompt_tokens", result.prompt_tokens},
          {"cached_tokens", result.cached_tokens},
          {"cache_size", request.cache == nullptr ? 0 : request.cache->size()},
          {"draft_tokens", result.draft_tokens},
          {"accepted_tokens", result.accepted_tokens},
          {"first_token_ms", result.first_token_ms},
          {"prompt_tokens_per_s", result.prompt_tokens_per_s},
          {"predicted_tokens_per_s", result.predicted_tokens_per_s}};
}

long peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      long kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

Json facts_of(const engine::Backend& backend) {
  const engine::ModelFacts facts = backend.facts();
  return {{"model_type", facts.model_type},
          {"context_size", facts.context_size},
          {"vocab_size", facts.vocab_size},
          {"threads", facts.thread_count},
          {"device", facts.device},
          {"load_ms", facts.load_ms},
          {"weight_bytes", facts.weight_bytes},
          {"kv_bytes_per_token", facts.kv_bytes_per_token},
          {"peak_rss_kib", peak_rss_kib()}};
}

int run(int argc, char** argv) {
  const std::string precision = argc > 2 ? argv[2] : "exact";
  const auto backend = engine::open_backend_module("mlx").make_backend();
  backend->load({.model_dir = argv[1],
                 .draft_dir = argc > 4 ? argv[4] : "",
                 .precision = precision == "fast" ? engine::Precision::Fast : engine::Precision::Exact,
                 .threads = argc > 3 ? std::stoi(argv[3]) : 0,
                 .with_tokenizer = std::filesystem::exists(std::filesystem::path(argv[1]) / "tokenizer.json")});
  std::cout << burin::dump_json(facts_of(*backend)) << std::endl;
  for (std::string text; std::getline(std::cin, text);) {
    Json reply;
    try {
      reply = answer(*backend, burin::parse_json(text, "request"));
    } catch (const burin::Error& e) {
      reply = {{"error", e.what()}, {"param", e.facts().contains("param") ? e.facts().at("param") : ""}};
    }
    std::cout << burin::dump_json(reply) << std::endl;
  }
  std::cerr << fmt::format("peak RSS {} KiB\n", peak_rss_kib());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: generate_probe MODEL_DIR [exact|fast] [threads] [DRAFT_DIR]\n";
    return 2;
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
