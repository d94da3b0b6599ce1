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

}  // namespace burin::cli
