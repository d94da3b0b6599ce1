#include "cli/context.h"

namespace burin::cli {
namespace {

constexpr std::string_view kJsonApiSpecVersion = "0.2.3";

Json run(Context& context) {
  if (!context.output.is_json()) {
    context.output.print("burin " BURIN_VERSION "\n");
  }
  const uint64_t memory = context.environment.memory_total_bytes;
  return {{"cli_version", BURIN_VERSION},
          {"json_api_spec_version", kJsonApiSpecVersion},
          {"system", memory == 0 ? Json(nullptr) : Json{{"memory_total_bytes", memory}}}};
}

}  // namespace

extern const Command version_command{
    .name = "version",
    .summary = "show the version",
    .examples = {{.line = "burin version --json", .what = "version, JSON shapes and memory of this machine"}},
    .run = run,
};

}  // namespace burin::cli
