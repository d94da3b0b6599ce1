#include <cmath>

#include <fmt/format.h>

#include "base/system_facts.h"
#include "cli/hub_options.h"
#include "cli/models.h"
#include "cli/registry.h"
#include "cli/signals.h"
#include "hub/remote_model.h"

namespace burin::cli {
namespace {

constexpr int64_t kDefaultContext = 4096;

hub::MemorySubject subject_of(const Context& context) {
  const CancelScope scope;
  return hub::find_memory_subject(context.arguments.text("MODEL"), context.environment.paths, pull_place(context),
                                  user_registry(context.environment), scope.flag());
}

hub::MemoryRequest request_of(const Context& context, const hub::MemorySubject& subject) {
  hub::MemoryRequest request{.context = kDefaultContext,
                             .parallel = context.arguments.integer("--parallel"),
                             .kv_bits = context.arguments.number("--kv-bits")};
  if (context.arguments.has("--context")) {
    request.context = context.arguments.integer("--context");
  } else if (subject.context_length > 0) {
    request.context = std::min(subject.context_length, kDefaultContext);
  }
  if (subject.context_length > 0 && request.context > subject.context_length) {
    throw Error(ErrorCode::InvalidArgument, "fits",
                fmt::format("--context: {} is made for {} tokens at most", subject.name, subject.context_length));
  }
  return request;
}

/** What to do when it does not fit, the easiest first. */
std::string advice(const hub::MemorySubject& subject, const hub::MemoryRequest& request, const hub::FitAnswer& answer) {
  std::string text;
  if (answer.largest_context > 0) {
    text += fmt::format("  it fits with --context {}\n", answer.largest_context);
  }
  if (request.kv_bits > 8) {
    hub::MemoryRequest smaller = request;
    smaller.kv_bits = 8;
    if (hub::fit(subject, smaller, answer.available_bytes).fits) {
      text += "  it fits with --kv-bits 8\n";
    }
  }
  const int64_t bits = hub::member(hub::member(subject.config, "quantization"), "bits").is_number_integer()
                           ? hub::member(hub::member(subject.config, "quantization"), "bits").get<int64_t>()
                           : 16;
  if (text.empty() && bits > 4) {
    const uint64_t weights = answer.parts.weights / static_cast<uint64_t>(bits) * 9 / 2;
    const bool enough = weights + answer.parts.kv + answer.parts.scratch <= answer.available_bytes;
    text += fmt::format("  in 4 bits its weights take about {}: {}\n", size_text(weights),
                        enough ? "that fits" : "still too much");
  }
  return text.empty() ? "  a smaller model is needed: `burin recommend chat` names some\n" : text;
}

std::string text_of(const hub::MemorySubject& subject, const hub::MemoryRequest& request,
                    const hub::FitAnswer& answer) {
  std::string text = fmt::format("{} with {} tokens{}: {}, needs {} of {}\n", subject.name, request.context,
                                 request.parallel > 1 ? fmt::format(" for each of {}", request.parallel) : "",
                                 answer.fits ? "fits" : "does not fit", size_text(answer.parts.total()),
                                 size_text(answer.available_bytes));
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<16}{:>9}\n", label, value);
  };
  line("weights", size_text(answer.parts.weights));
  line("context", size_text(answer.parts.kv));
  line("scratch", size_text(answer.parts.scratch));
  line("largest context", std::to_string(answer.largest_context));
  return answer.fits ? text : text + advice(subject, request, answer);
}

Json run(Context& context) {
  const hub::MemorySubject subject = subject_of(context);
  const hub::MemoryRequest request = request_of(context, subject);
  const uint64_t available = context.arguments.has("--memory")
                                 ? static_cast<uint64_t>(context.arguments.integer("--memory"))
                                 : available_memory(memory_facts());
  const hub::FitAnswer answer = hub::fit(subject, request, available);
  if (!context.output.is_json()) {
    context.output.print_untrusted(text_of(subject, request, answer));
  }
  return hub::fit_object(subject, request, answer);
}

}  // namespace

extern const Command fits_command{
    .name = "fits",
    .summary = "tell whether a model fits into this machine's memory, without loading it",
    .positionals = {{.name = "MODEL", .help = "a model on this machine, of the registry, or of the Hub"}},
    .options = {{.name = "--context",
                 .kind = ValueKind::Integer,
                 .value_name = "N",
                 .low = 1,
                 .high = 1 << 24,
                 .help = "tokens of each conversation (default: what the model is made for, 4096 at most)"},
                {.name = "--parallel",
                 .kind = ValueKind::Integer,
                 .value_name = "M",
                 .default_text = "1",
                 .low = 1,
                 .high = 4096,
                 .help = "conversations at the same time"},
                {.name = "--kv-bits",
                 .kind = ValueKind::Number,
                 .value_name = "B",
                 .default_text = "16",
                 .low = 2,
                 .high = 16,
                 .help = "bits of the values that are kept of each token"},
                {.name = "--memory",
                 .kind = ValueKind::Integer,
                 .value_name = "BYTES",
                 .low = 1,
                 .help = "as if there were this much (default: what is available now)"},
                retry_option()},
    .examples = {{.line = "burin fits qwen3-0.6b-4bit --context 32768 --parallel 4", .what = "before a download too"},
                 {.line = "burin fits starter --memory 1000000000 --json", .what = "on a machine with 1 GB to spare"}},
    .run = run,
};

}  // namespace burin::cli
