#include "cli/hub_options.h"

namespace burin::cli {

std::string user_agent() {
  return "burin/" BURIN_VERSION;
}

Option retry_option() {
  return {.name = "--retry-base",
          .kind = ValueKind::Integer,
          .value_name = "MS",
          .default_text = "1000",
          .low = 1,
          .high = 60000,
          .help = "the first wait before a retry",
          .hidden = true};
}

hub::RetryPolicy retry_policy(const Arguments& arguments) {
  return {.base = std::chrono::milliseconds(arguments.integer("--retry-base"))};
}

hub::PullPlace pull_place(const Context& context) {
  const Environment& environment = context.environment;
  return {.hub_cache = environment.paths.hub_cache,
          .state_dir = environment.state_dir,
          .settings = hub::hub_settings(environment.variables),
          .retry = retry_policy(context.arguments),
          .user_agent = user_agent()};
}

}  // namespace burin::cli
