#include "cli/models.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/file.h"
#include "cli/sampling_options.h"
#include "hub/model_types.h"

namespace burin::cli {
namespace {

constexpr size_t kMaxInput = size_t{256} << 20;

std::filesystem::path pack_folder(const Context& context) {
  if (context.environment.cache_dir.empty()) {
    throw Error(ErrorCode::InvalidArgument, "keep-packed", "no folder for caches is known")
        .hint("set HOME or XDG_CACHE_HOME");
  }
  return context.environment.cache_dir / "packed";
}

}  // namespace

hub::ResolvedModel model_of(const Context& context) {
  return hub::resolve_model(context.arguments.text("MODEL"), context.environment.paths);
}

std::unique_ptr<engine::Backend> load_model(Context& context, const hub::ResolvedModel& model, bool with_tokenizer) {
  engine::LoadOptions options = load_options_from(context.arguments);
  options.model_dir = model.dir;
  options.with_tokenizer = with_tokenizer;
  if (context.arguments.has("--keep-packed")) {
    options.pack_folder = pack_folder(context);
  }
  if (context.arguments.has("--draft")) {
    options.draft_dir = hub::resolve_model(context.arguments.text("--draft"), context.environment.paths).dir;
  }
  options.on_progress = [&](double fraction) {
    context.output.progress(fmt::format("loading {} {:3.0f}%", model.name, 100 * fraction));
  };
  auto backend = context.open_module("mlx").make_backend();
  backend->load(options);
  context.output.progress("");
  return backend;
}

std::vector<int32_t> parse_ids(std::string_view text, std::string_view what) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  std::vector<int32_t> ids;
  while (true) {
    const size_t begin = text.find_first_not_of(kSeparators);
    if (begin == text.npos) {
      return ids;
    }
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kSeparators));
    const int64_t id = parse_integer(word, what);
    if (id < 0 || id > std::numeric_limits<int32_t>::max()) {
      throw Error(ErrorCode::InvalidArgument, what, fmt::format("{}: {} is no token id", what, word));
    }
    ids.push_back(static_cast<int32_t>(id));
    text.remove_prefix(word.size());
  }
}

std::string inline_or_file(const std::string& value) {
  if (value == "-") {
    return read_stdin();
  }
  return value.starts_with('@') ? read_file(value.substr(1), kMaxInput) : value;
}

std::string read_stdin() {
  std::string content;
  std::array<char, 65536> block{};
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      throw Error(ErrorCode::InvalidArgument, "stdin", std::string("cannot read stdin: ") + std::strerror(errno));
    }
    if (n == 0) {
      return content;
    }
    content.append(block.data(), static_cast<size_t>(n));
    if (content.size() > kMaxInput) {
      throw Error(ErrorCode::InvalidArgument, "stdin", "more than 256 MiB on stdin");
    }
  }
}

hub::RuntimeFacts runtime_facts(const Context& context) {
  return {.supported = hub::supported_model_types(), .memory_bytes = context.environment.memory_total_bytes};
}

std::string size_text(uint64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits{"B", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{}B", bytes) : fmt::format("{:.1f}{}", value, kUnits.at(unit));
}

}  // namespace burin::cli
