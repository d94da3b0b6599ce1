// Answers requests given as JSON lines on stdin, through the backend module as the program opens it:
//   generate_probe MODEL_DIR [exact|fast] [threads]
// A line is {"ids": [..] | "prompt": text, "max_tokens", "stop", any sampling parameter}. The first line out holds the
// facts of the model, each further one an answer or {"error": .., "param": ..}.
#include <fmt/core.h>

#include <cmath>
#include <fstream>
#include <iostream>

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

Json answer(engine::Backend& backend, const Json& line) {
  engine::GenerateRequest request{.sampling = sampling_of(line)};
  request.prompt_ids = line.contains("ids") ? line.at("ids").get<std::vector<int32_t>>()
                                            : backend.tokenize(line.at("prompt").get<std::string>(), true);
  request.max_tokens = line.value("max_tokens", request.max_tokens);
  request.prefill_step_size = line.value("prefill_step_size", request.prefill_step_size);
  request.stop = line.value("stop", request.stop);
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
  return {{"tokens", result.tokens},
          {"text", result.text},
          {"streamed", joined},
          {"final_events", finished},
          {"logprobs", logprobs},
          {"finish_reason", to_string(result.finish_reason)},
          {"prompt_tokens", result.prompt_tokens},
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
          {"peak_rss_kib", peak_rss_kib()}};
}

int run(int argc, char** argv) {
  const std::string precision = argc > 2 ? argv[2] : "exact";
  const auto backend = engine::open_backend_module("mlx").make_backend();
  backend->load({.model_dir = argv[1],
                 .precision = precision == "fast" ? engine::Precision::Fast : engine::Precision::Exact,
                 .threads = argc > 3 ? std::stoi(argv[3]) : 0});
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
    std::cerr << "usage: generate_probe MODEL_DIR [exact|fast] [threads]\n";
    return 2;
  }
  try {
    return run(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << e.what() << "\n";
    return 1;
  }
}
