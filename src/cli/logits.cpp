#include <fmt/format.h>

#include "base/safetensors.h"
#include "cli/models.h"
#include "cli/sampling_options.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

std::vector<int32_t> tokens_of(const Context& context) {
  std::vector<int32_t> tokens = parse_ids(inline_or_file(context.arguments.text("--tokens")), "--tokens");
  if (tokens.empty()) {
    throw Error(ErrorCode::InvalidArgument, "logits", "--tokens: there are no ids");
  }
  return tokens;
}

void write(const engine::Logits& logits, const std::filesystem::path& path) {
  SafetensorsWriter file(path, {{.name = "logits", .dtype = Dtype::F32, .shape = {logits.rows, logits.vocab_size}}},
                         {});
  file.write(std::as_bytes(std::span(logits.values)));
  file.commit();
}

Json run(Context& context) {
  const Arguments& arguments = context.arguments;
  engine::LogitsRequest request{.tokens = tokens_of(context),
                                .chunk = static_cast<int>(arguments.integer("--chunk")),
                                .steps = static_cast<int>(arguments.integer("--steps"))};
  if (static_cast<size_t>(request.steps) > request.tokens.size()) {
    throw Error(
        ErrorCode::InvalidArgument, "logits",
        fmt::format("--steps: {} tokens cannot be fed one by one, there are {}", request.steps, request.tokens.size()));
  }
  const hub::ResolvedModel model = model_of(context);
  const std::string out = arguments.text("--out");
  const auto backend = load_model(context, model, false);
  const engine::Logits logits = backend->logits(request);
  {
    const CancelScope no_torn_file;
    write(logits, out);
    no_torn_file.check();
  }
  if (!context.output.is_json()) {
    context.output.print_untrusted(fmt::format("{}: logits ({}, {})\n", out, logits.rows, logits.vocab_size));
  }
  return {{"model", model.name}, {"out", out}, {"rows", logits.rows}, {"vocab_size", logits.vocab_size}};
}

}  // namespace

extern const Command logits_command{
    .name = "logits",
    .summary = "write the logits of every position to a file",
    .positionals = {kModelPositional},
    .options = std::vector<Option>{{.name = "--tokens",
                                    .kind = ValueKind::Text,
                                    .value_name = "IDS",
                                    .help = "ids as 1,2,3, @FILE or - for stdin; nothing is added to them",
                                    .required = true},
                                   {.name = "--out",
                                    .kind = ValueKind::Text,
                                    .value_name = "FILE",
                                    .help = "safetensors file for the tensor logits (tokens, vocabulary) in float32",
                                    .required = true},
                                   {.name = "--chunk",
                                    .kind = ValueKind::Integer,
                                    .value_name = "N",
                                    .default_text = "0",
                                    .low = 0,
                                    .high = 2147483647,
                                    .help = "feed N tokens at a time; 0: all at once"},
                                   {.name = "--steps",
                                    .kind = ValueKind::Integer,
                                    .value_name = "K",
                                    .default_text = "0",
                                    .low = 0,
                                    .high = 2147483647,
                                    .help = "feed the last K tokens one by one"}} +
               execution_options(),
    .examples = {{.line = "burin logits starter --tokens 1,2,3 --out logits.safetensors --precision exact",
                  .what = "for comparison with another program"}},
    .run = run,
};

}  // namespace burin::cli
