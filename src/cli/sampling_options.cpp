#include "cli/sampling_options.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"

namespace burin::cli {
namespace {

using enum ValueKind;

constexpr double kMaxInt = 2147483647;

constexpr std::array kSamplingOptions{
    Option{.name = "--max-tokens",
           .kind = Integer,
           .value_name = "N",
           .low = 1,
           .high = kMaxInt,
           .help = "end the answer after N tokens; without it the model or its context ends it"},
    Option{.name = "--temperature",
           .kind = Number,
           .value_name = "T",
           .default_text = "0",
           .low = 0,
           .help = "randomness; 0 takes the likeliest token each time"},
    Option{.name = "--top-p",
           .kind = Number,
           .value_name = "P",
           .default_text = "1",
           .low = 0,
           .high = 1,
           .help = "draw from the likeliest tokens that together have probability P"},
    Option{.name = "--top-k",
           .kind = Integer,
           .value_name = "K",
           .default_text = "0",
           .low = 0,
           .high = kMaxInt,
           .help = "draw from the K likeliest tokens; 0: all"},
    Option{.name = "--min-p",
           .kind = Number,
           .value_name = "P",
           .default_text = "0",
           .low = 0,
           .high = 1,
           .help = "drop tokens less likely than P times the likeliest"},
    Option{.name = "--xtc-probability",
           .kind = Number,
           .value_name = "P",
           .default_text = "0",
           .low = 0,
           .high = 1,
           .help = "chance that the top choices of a step are left out"},
    Option{.name = "--xtc-threshold",
           .kind = Number,
           .value_name = "P",
           .default_text = "0.1",
           .low = 0,
           .high = 0.5,
           .help = "probability above which a token counts as a top choice"},
    Option{.name = "--repetition-penalty",
           .kind = Number,
           .value_name = "X",
           .default_text = "0",
           .low = 0,
           .help = "make recent tokens less likely by this factor; 0: off"},
    Option{.name = "--presence-penalty",
           .kind = Number,
           .value_name = "X",
           .default_text = "0",
           .help = "subtracted from the logit of every recent token"},
    Option{.name = "--frequency-penalty",
           .kind = Number,
           .value_name = "X",
           .default_text = "0",
           .help = "subtracted from the logit of a recent token for each time it occurs"},
    Option{.name = "--logit-bias",
           .kind = Text,
           .value_name = "ID=BIAS",
           .help = "added to the logit of one token",
           .repeatable = true},
    Option{.name = "--seed",
           .kind = Integer,
           .value_name = "N",
           .low = 0,
           .help = "repeat the same draws; without it the clock decides"},
    Option{.name = "--stop",
           .kind = Text,
           .value_name = "TEXT",
           .help = "end the answer before this text",
           .repeatable = true},
    Option{.name = "--prefill-step-size",
           .kind = Integer,
           .value_name = "N",
           .default_text = "2048",
           .low = 1,
           .high = kMaxInt,
           .help = "tokens of the prompt computed at a time"},
};

std::map<int32_t, float> logit_bias_from(const std::vector<std::string>& entries) {
  std::map<int32_t, float> bias;
  for (const std::string& entry : entries) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      throw Error(ErrorCode::InvalidArgument, "logit-bias", fmt::format("--logit-bias: \"{}\" is not ID=BIAS", entry));
    }
    const int64_t id = parse_integer(entry.substr(0, equals), "--logit-bias");
    if (id < 0 || static_cast<double>(id) > kMaxInt) {
      throw Error(ErrorCode::InvalidArgument, "logit-bias", fmt::format("--logit-bias: {} is no token id", id));
    }
    bias[static_cast<int32_t>(id)] = static_cast<float>(parse_number(entry.substr(equals + 1), "--logit-bias"));
  }
  return bias;
}

}  // namespace

std::vector<Option> sampling_options() {
  return {kSamplingOptions.begin(), kSamplingOptions.end()};
}

std::vector<Option> execution_options() {
  return {
      {.name = "--precision",
       .kind = Choice,
       .value_name = "fast|exact",
       .default_text = "fast",
       .help = "fast rounds the inputs of quantized weights to int8, outliers to int16 (CPU); exact computes every "
               "product in float32"},
      {.name = "--threads",
       .kind = Integer,
       .value_name = "N",
       .default_text = "0",
       .low = 0,
       .high = 1024,
       .help = "CPU threads; 0: as many as the process may use"},
      {.name = "--keep-packed",
       .help =
           "keep the weights as the CPU's kernels want them in burin's cache folder: later loads are faster, for as "
           "much disk again as the model has",
       .configurable = true},
  };
}

engine::GenerateRequest request_from(const Arguments& arguments) {
  engine::GenerateRequest request;
  request.max_tokens = arguments.has("--max-tokens") ? static_cast<int>(arguments.integer("--max-tokens")) : -1;
  request.stop = arguments.all("--stop");
  request.prefill_step_size = static_cast<int>(arguments.integer("--prefill-step-size"));
  engine::SamplingParams& sampling = request.sampling;
  sampling.temperature = arguments.number("--temperature");
  sampling.top_p = arguments.number("--top-p");
  sampling.top_k = static_cast<int>(arguments.integer("--top-k"));
  sampling.min_p = arguments.number("--min-p");
  sampling.xtc_probability = arguments.number("--xtc-probability");
  sampling.xtc_threshold = arguments.number("--xtc-threshold");
  sampling.repetition_penalty = arguments.number("--repetition-penalty");
  sampling.presence_penalty = arguments.number("--presence-penalty");
  sampling.frequency_penalty = arguments.number("--frequency-penalty");
  sampling.logit_bias = logit_bias_from(arguments.all("--logit-bias"));
  if (arguments.has("--seed")) {
    sampling.seed = static_cast<uint64_t>(arguments.integer("--seed"));
  }
  return request;
}

engine::LoadOptions load_options_from(const Arguments& arguments) {
  return {.precision = arguments.text("--precision") == "fast" ? engine::Precision::Fast : engine::Precision::Exact,
          .threads = static_cast<int>(arguments.integer("--threads"))};
}

std::vector<Option> operator+(std::vector<Option> first, const std::vector<Option>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace burin::cli
