#include <algorithm>

#include <fmt/format.h>

#include "cli/cache_options.h"
#include "cli/models.h"
#include "cli/sampling_options.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

using enum ValueKind;

/** One line of the table: a name as other benchmarks spell it, and what is run. */
struct Test {
  std::string name;
  engine::MeasureRequest request;
};

std::vector<Test> tests_from(const Arguments& arguments) {
  const auto integer = [&](std::string_view name) { return static_cast<int>(arguments.integer(name)); };
  const engine::MeasureRequest base{.depth = integer("--depth"),
                                    .batch = integer("--batch"),
                                    .prefill_step_size = integer("--prefill-step-size"),
                                    .cache_params = cache_params_from(arguments)};
  const auto named = [&](std::string_view what, int tokens) {
    return fmt::format("{}{}{}{}", what, tokens, base.batch == 1 ? "" : fmt::format("xb{}", base.batch),
                       base.depth == 0 ? "" : fmt::format("@d{}", base.depth));
  };
  std::vector<Test> tests;
  if (const int tokens = integer("--prompt-tokens"); tokens > 0) {
    tests.push_back({named("pp", tokens), base});
    tests.back().request.prompt_tokens = tokens;
  }
  if (const int tokens = integer("--gen-tokens"); tokens > 0) {
    tests.push_back({named("tg", tokens), base});
    tests.back().request.gen_tokens = tokens;
  }
  if (tests.empty()) {
    throw Error(ErrorCode::InvalidArgument, "bench", "--prompt-tokens and --gen-tokens are both 0: nothing to run");
  }
  return tests;
}

/** Tokens of all sequences together in a second. */
double speed_of(engine::Backend& backend, const engine::MeasureRequest& request) {
  const engine::Measurement measured = backend.measure(request);
  const double seconds = request.gen_tokens > 0 ? measured.gen_seconds : measured.prompt_seconds;
  return static_cast<double>(request.batch) * (request.prompt_tokens + request.gen_tokens) / seconds;
}

Json summary_of(const std::string& test, std::vector<double> speeds) {
  std::ranges::sort(speeds);
  const size_t half = speeds.size() / 2;
  const double median = speeds.size() % 2 == 1 ? speeds[half] : (speeds[half - 1] + speeds[half]) / 2;
  return {{"test", test}, {"tokens_per_second", {{"median", median}, {"min", speeds.front()}, {"max", speeds.back()}}}};
}

Json measure(Context& context, engine::Backend& backend, const Test& test, const CancelScope& signals) {
  const int64_t warmup = context.arguments.integer("--warmup");
  const int64_t repetitions = context.arguments.integer("--repetitions");
  std::vector<double> speeds;
  for (int64_t i = -warmup; i < repetitions; ++i) {
    context.output.progress(i < 0 ? fmt::format("{}: warming up", test.name)
                                  : fmt::format("{}: {} of {}", test.name, i + 1, repetitions));
    const double speed = speed_of(backend, test.request);
    signals.check();
    if (i >= 0) {
      speeds.push_back(speed);
    }
  }
  context.output.progress("");
  return summary_of(test.name, std::move(speeds));
}

void print(Context& context, const Json& result) {
  const Json& speed = result["tokens_per_second"];
  context.output.print(fmt::format("{:<16} {:>10.1f} tokens/s   ({:.1f} to {:.1f})\n",
                                   result["test"].get<std::string>(), speed["median"].get<double>(),
                                   speed["min"].get<double>(), speed["max"].get<double>()));
}

Json run(Context& context) {
  const std::vector<Test> tests = tests_from(context.arguments);
  const hub::ResolvedModel model = model_of(context);
  const auto backend = load_model(context, model, false);
  const engine::ModelFacts facts = backend->facts();
  const CancelScope signals;
  Json results = Json::array();
  for (const Test& test : tests) {
    results.push_back(measure(context, *backend, test, signals));
    if (!context.output.is_json()) {
      print(context, results.back());
    }
  }
  return {{"model", model.name},
          {"model_type", facts.model_type},
          {"weight_bytes", facts.weight_bytes},
          {"device", facts.device},
          {"threads", facts.thread_count},
          {"precision", context.arguments.text("--precision")},
          {"load_ms", facts.load_ms},
          {"results", std::move(results)}};
}

Option count(std::string_view name, std::string_view fallback, double low, std::string_view help) {
  return {.name = name,
          .kind = Integer,
          .value_name = "N",
          .default_text = fallback,
          .low = low,
          .high = 1e6,
          .help = help};
}

}  // namespace

extern const Command bench_command{
    .name = "bench",
    .summary = "measure the speed of a model on this machine",
    .positionals = {kModelPositional},
    .options = std::vector<Option>{count("--prompt-tokens", "512", 0, "tokens of the prompt; 0 leaves this test out"),
                                   count("--gen-tokens", "128", 0, "tokens to generate; 0 leaves this test out"),
                                   count("--depth", "0", 0, "tokens that are in the cache beforehand"),
                                   count("--batch", "1", 1, "sequences at a time; speeds are of all together"),
                                   count("--repetitions", "5", 1, "measured runs of each test"),
                                   count("--warmup", "1", 0, "runs before those"),
                                   count("--prefill-step-size", "2048", 1, "tokens of the prompt computed at a time")} +
               cache_options() + execution_options(),
    .examples = {{.line = "burin bench starter", .what = "prompt (pp512) and generation (tg128), median and spread"},
                 {.line = "burin bench starter --prompt-tokens 0 --gen-tokens 64 --depth 4096",
                  .what = "generation behind a long context (tg64@d4096)"}},
    .run = run,
};

}  // namespace burin::cli
