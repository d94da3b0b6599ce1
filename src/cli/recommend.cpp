#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/system_facts.h"
#include "cli/models.h"
#include "cli/registry.h"
#include "hub/nearest.h"

namespace burin::cli {
namespace {

void check_use_case(const hub::ModelRegistry& registry, const std::string& use_case) {
  const std::vector<std::string> known = registry.use_cases();
  if (std::ranges::find(known, use_case) == known.end()) {
    throw Error(ErrorCode::InvalidArgument, "recommend", fmt::format("no model is known for \"{}\"", use_case))
        .fact("param", "USE_CASE")
        .hint(fmt::format("one of {}", fmt::join(known, ", ")));
  }
}

std::string text_of(const std::vector<hub::RegistryModel>& models, uint64_t memory) {
  if (models.empty()) {
    return fmt::format("nothing that is known for this runs in {}\n", size_text(memory));
  }
  size_t width = 5;
  for (const hub::RegistryModel& model : models) {
    width = std::max(width, model.id.size());
  }
  std::string text = fmt::format("{:<{}}  {:>8}  {:>7}  {}\n", "MODEL", width, "SIZE", "CONTEXT", "WHAT");
  for (const hub::RegistryModel& model : models) {
    const std::string dimension = model.dimension ? fmt::format(" ({} dimensions)", *model.dimension) : "";
    text +=
        fmt::format("{:<{}}  {:>8}  {:>7}  {}{}\n", model.id, width, size_text(model.size_bytes), model.context_length,
                    model.description, dimension + (hub::is_runnable(model) ? "" : " (not yet run by burin)"));
  }
  return text;
}

Json run(Context& context) {
  const hub::ModelRegistry registry = user_registry(context.environment);
  const std::string use_case = hub::lower_ascii(context.arguments.text("USE_CASE"));
  check_use_case(registry, use_case);
  const uint64_t memory = context.arguments.has("--memory")
                              ? static_cast<uint64_t>(context.arguments.integer("--memory"))
                              : available_memory(memory_facts());
  const std::vector<hub::RegistryModel> models = registry.recommended(use_case, memory);
  if (!context.output.is_json()) {
    context.output.print_untrusted(text_of(models, memory));
  }
  Json objects = Json::array();
  for (const hub::RegistryModel& model : models) {
    objects.push_back(hub::recommended_object(model, context.environment.paths.hub_cache));
  }
  return {{"use_case", use_case}, {"available_bytes", memory}, {"models", std::move(objects)}, {"source", "registry"}};
}

}  // namespace

extern const Command recommend_command{
    .name = "recommend",
    .summary = "name models for a use case that run in this machine's memory, the most able first",
    .positionals = {{.name = "USE_CASE",
                     .help = "chat, coding, embedding, low-memory, multilingual, reasoning, retrieval, "
                             "summarization, tools, writing, or one of your own in models.json"}},
    .options = {{.name = "--memory",
                 .kind = ValueKind::Integer,
                 .value_name = "BYTES",
                 .low = 1,
                 .help = "as if there were this much (default: what is available now)"}},
    .examples = {{.line = "burin recommend chat", .what = "what to talk with on this machine"},
                 {.line = "burin recommend embedding --memory 1000000000", .what = "embedders for 1 GB"}},
    .run = run,
};

}  // namespace burin::cli
