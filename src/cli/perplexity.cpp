#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/file.h"
#include "cli/models.h"
#include "cli/sampling_options.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

using enum ValueKind;

constexpr uint64_t kMaxText = uint64_t{256} << 20;

/** Sums over scored tokens, in nats. */
struct Score {
  int64_t tokens = 0;
  double nll = 0;
  double nll_squares = 0;
  double kl = 0;
  double kl_max = 0;
  int64_t same_top = 0;

  double mean() const { return nll / static_cast<double>(tokens); }
  /** Of the perplexity, by the delta method, as mlx-lm gives it. */
  double standard_error() const {
    const auto n = static_cast<double>(tokens);
    const double variance = std::max(0.0, nll_squares / n - mean() * mean()) * n / std::max(1.0, n - 1);
    return std::exp(mean()) * std::sqrt(variance / n);
  }
};

using Row = std::span<const float>;

Row row_of(const engine::Logits& logits, int row) {
  const auto width = static_cast<size_t>(logits.vocab_size);
  return Row(logits.values).subspan(static_cast<size_t>(row) * width, width);
}

double log_sum_exp(Row row) {
  const float highest = *std::ranges::max_element(row);
  double sum = 0;
  for (const float value : row) {
    sum += std::exp(static_cast<double>(value - highest));
  }
  return highest + std::log(sum);
}

/** sum p (log p - log q) over the vocabulary, p from `first`. */
double divergence(Row first, Row second, double first_norm, double second_norm) {
  double sum = 0;
  for (size_t i = 0; i < first.size(); ++i) {
    const double log_p = first[i] - first_norm;
    if (const double p = std::exp(log_p); p > 0) {  // 0 log 0 is 0: tokens that a model never gives
      sum += p * (log_p - (second[i] - second_norm));
    }
  }
  return std::max(0.0, sum);
}

size_t best_of(Row row) {
  return static_cast<size_t>(std::ranges::max_element(row) - row.begin());
}

/** Adds every token of a window but the first, which nothing predicts. `other` may be null. */
void add_window(Score& score, const engine::Logits& logits, const engine::Logits* other, std::span<const int32_t> ids) {
  for (int row = 0; row + 1 < logits.rows; ++row) {
    const Row mine = row_of(logits, row);
    const double norm = log_sum_exp(mine);
    const double nll = norm - mine[static_cast<size_t>(ids[static_cast<size_t>(row) + 1])];
    score.tokens += 1;
    score.nll += nll;
    score.nll_squares += nll * nll;
    if (other != nullptr) {
      const Row theirs = row_of(*other, row);
      const double kl = divergence(theirs, mine, log_sum_exp(theirs), norm);
      score.kl += kl;
      score.kl_max = std::max(score.kl_max, kl);
      score.same_top += best_of(mine) == best_of(theirs) ? 1 : 0;
    }
  }
}

Json data_of(const Score& score, bool compared) {
  Json data{{"tokens", score.tokens},
            {"nll", score.mean()},
            {"perplexity", std::exp(score.mean())},
            {"standard_error", score.standard_error()}};
  if (compared) {
    const auto n = static_cast<double>(score.tokens);
    data["kl"] = score.kl / n;
    data["kl_max"] = score.kl_max;
    data["same_top"] = static_cast<double>(score.same_top) / n;
  }
  return data;
}

std::string text_for_people(const Json& data) {
  std::string text = fmt::format("perplexity {:.4f} ± {:.4f} over {} tokens\n", data["perplexity"].get<double>(),
                                 data["standard_error"].get<double>(), data["tokens"].get<int64_t>());
  if (data.contains("kl")) {
    text += fmt::format("KL divergence {:.6f} nats (at most {:.4f}), same top token {:.2f}%\n",
                        data["kl"].get<double>(), data["kl_max"].get<double>(), 100 * data["same_top"].get<double>());
  }
  return text;
}

/** The model that --against names; precision and threads as for the first one. Null without the option. */
std::unique_ptr<engine::Backend> load_other(Context& context, engine::Backend& first, const std::vector<int32_t>& ids,
                                            const std::string& text) {
  if (!context.arguments.has("--against")) {
    return nullptr;
  }
  auto other =
      load_model(context, hub::resolve_model(context.arguments.text("--against"), context.environment.paths), true);
  if (other->facts().vocab_size != first.facts().vocab_size || other->tokenize(text, true) != ids) {
    throw Error(ErrorCode::InvalidArgument, "perplexity", "--against: the models do not share a vocabulary")
        .hint("compare versions of one model");
  }
  return other;
}

Score score_all(Context& context, engine::Backend& backend, engine::Backend* other, const std::vector<int32_t>& ids) {
  const auto window = static_cast<size_t>(context.arguments.integer("--window"));
  const size_t most = context.arguments.has("--windows") ? context.arguments.integer("--windows") : ids.size();
  const size_t windows = std::min(most, (ids.size() + window - 1) / window);
  const CancelScope signals;
  Score score;
  for (size_t i = 0; i < windows; ++i) {
    context.output.progress(fmt::format("window {} of {}", i + 1, windows));
    const auto part = std::span(ids).subspan(i * window, std::min(window, ids.size() - i * window));
    const engine::LogitsRequest request{.tokens = {part.begin(), part.end()}};
    const engine::Logits logits = backend.logits(request);
    const engine::Logits theirs = other == nullptr ? engine::Logits{} : other->logits(request);
    add_window(score, logits, other == nullptr ? nullptr : &theirs, part);
    signals.check();
  }
  context.output.progress("");
  return score;
}

Json run(Context& context) {
  const std::string file = context.arguments.text("--text");
  const std::string text = file == "-" ? read_stdin() : read_file(file, kMaxText);
  const hub::ResolvedModel model = model_of(context);
  const auto backend = load_model(context, model, true);
  const std::vector<int32_t> ids = backend->tokenize(text, true);
  if (ids.size() < 2) {
    throw Error(ErrorCode::InvalidArgument, "perplexity", "the text has fewer than 2 tokens: nothing to predict");
  }
  const auto other = load_other(context, *backend, ids, text);
  const Score score = score_all(context, *backend, other.get(), ids);
  if (!std::isfinite(score.nll)) {
    throw Error(ErrorCode::Corrupt, model.name, "the model's logits are not numbers");
  }
  Json data = data_of(score, other != nullptr);
  if (!context.output.is_json()) {
    context.output.print(text_for_people(data));
  }
  data["model"] = model.name;
  data["window"] = context.arguments.integer("--window");
  return data;
}

}  // namespace

extern const Command perplexity_command{
    .name = "perplexity",
    .summary = "measure how well a model predicts a text",
    .positionals = {kModelPositional},
    .options = std::vector<Option>{{.name = "--text",
                                    .kind = Text,
                                    .value_name = "FILE",
                                    .help = "plain text, or - for stdin",
                                    .required = true},
                                   {.name = "--against",
                                    .kind = Text,
                                    .value_name = "MODEL",
                                    .help = "adds the KL divergence from this model: what quantizing has cost"},
                                   {.name = "--window",
                                    .kind = Integer,
                                    .value_name = "N",
                                    .default_text = "512",
                                    .low = 2,
                                    .high = 1e6,
                                    .help = "tokens that are read together; the first of each is not scored"},
                                   {.name = "--windows",
                                    .kind = Integer,
                                    .value_name = "N",
                                    .low = 1,
                                    .high = 1e9,
                                    .help = "stop after N windows"}} +
               execution_options(),
    .examples = {{.line = "burin perplexity starter --text README.md", .what = "lower is better"},
                 {.line = "burin perplexity my-4bit --text book.txt --against my-bf16 --windows 20",
                  .what = "what quantization costs"}},
    .run = run,
};

}  // namespace burin::cli
