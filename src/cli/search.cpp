#include "hub/search.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/hub_options.h"
#include "cli/models.h"
#include "cli/registry.h"
#include "cli/signals.h"

namespace burin::cli {
namespace {

/** What was found, and where: "hub" or "local". */
struct Found {
  Json models = Json::array();
  std::string source;
};

Found search_online(const Context& context, const hub::HubSettings& settings) {
  const Arguments& arguments = context.arguments;
  const hub::SearchRequest request{
      .query = arguments.text("QUERY"),
      .limit = static_cast<int>(arguments.integer("--limit")),
      .order = arguments.text("--sort") == "modified" ? hub::SearchOrder::Modified : hub::SearchOrder::Downloads,
      .all = arguments.has("--all")};
  const hub::ClientOptions options{.settings = settings,
                                   .token = hub::find_token(settings),
                                   .retry = retry_policy(arguments),
                                   .user_agent = user_agent(),
                                   .on_retry = [&](const std::string& text) { context.output.note(text); }};
  const CancelScope scope;
  Found found{.source = "hub"};
  for (const hub::FoundModel& model : hub::search_hub(request, options, scope.flag())) {
    found.models.push_back(hub::found_object(model));
  }
  return found;
}

/** Without a network: the models that burin itself knows of, with the keys that the Hub's answer has. */
Found search_offline(const Context& context) {
  Found found{.source = "registry"};
  const auto limit = static_cast<size_t>(context.arguments.integer("--limit"));
  const hub::SearchCriteria criteria{.query = context.arguments.text("QUERY")};
  for (const hub::RegistryModel& model : user_registry(context.environment).search(criteria)) {
    if (found.models.size() < limit) {
      found.models.push_back(hub::found_object(model));
    }
  }
  return found;
}

void print(Context& context, const Found& found) {
  if (found.models.empty()) {
    context.output.note("nothing found; --all looks beyond models of the MLX library");
    return;
  }
  size_t width = 4;
  for (const Json& model : found.models) {
    width = std::max(width, model["name"].get<std::string>().size());
  }
  std::string table = fmt::format("{:<{}}  {:>10}  {:<10}  {}\n", "NAME", width, "DOWNLOADS", "MODIFIED", "TASK");
  const auto downloads = [](const Json& model) {
    return model["downloads"].is_null() ? std::string("-") : std::to_string(model["downloads"].get<int64_t>());
  };
  for (const Json& model : found.models) {
    const auto text = [&](const char* key) { return model[key].is_string() ? model[key].get<std::string>() : "-"; };
    table += fmt::format("{:<{}}  {:>10}  {:<10}  {}{}\n", model["name"].get<std::string>(), width, downloads(model),
                         text("last_modified").substr(0, 10), text("pipeline_tag"),
                         model["gated"].get<bool>() ? " (gated)" : "");
  }
  context.output.print_untrusted(table);
}

Json run(Context& context) {
  const hub::HubSettings settings = hub::hub_settings(context.environment.variables);
  const bool offline = settings.offline || context.arguments.has("--offline");
  const Found found = offline ? search_offline(context) : search_online(context, settings);
  if (!context.output.is_json()) {
    print(context, found);
  }
  return {{"models", found.models}, {"source", found.source}};
}

}  // namespace

extern const Command search_command{
    .name = "search",
    .summary = "find models on the Hugging Face Hub",
    .positionals = {{.name = "QUERY", .help = "words in a model's name"}},
    .options = {{.name = "--limit",
                 .kind = ValueKind::Integer,
                 .value_name = "N",
                 .default_text = "20",
                 .low = 1,
                 .high = 500,
                 .help = "how many at most"},
                {.name = "--sort",
                 .kind = ValueKind::Choice,
                 .value_name = "downloads|modified",
                 .default_text = "downloads",
                 .help = "which come first"},
                {.name = "--all", .help = "also models that are not of the MLX library", .configurable = true},
                {.name = "--offline", .help = "look through the models that burin itself knows, and ask nobody"},
                retry_option()},
    .examples = {{.line = "burin search qwen3 --limit 5", .what = "then: burin pull NAME"}},
    .run = run,
};

}  // namespace burin::cli
