// Files that stand beside models and may be damaged or another's: the journal of a partial download, notes in a folder
// of plain files, a user's list of models. The first byte picks one.
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "check.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/journal.h"
#include "hub/local_dir.h"
#include "hub/registry.h"

namespace {

using namespace burin;
using namespace burin::hub;
using fuzz::check;

void read_journal(std::string_view text) {
  const std::string etag(64, 'a');
  constexpr uint64_t kSize = 1000;
  if (const auto entry = parse_journal(text, etag, kSize)) {
    check(is_partial_name(entry->partial, etag) && entry->partial.find('/') == std::string::npos);
    for (const uint64_t size_now : {uint64_t{0}, uint64_t{500}, kSize, uint64_t{5000}}) {
      check(entry->trusted("this boot", size_now) <= std::min(size_now, kSize));
    }
  }
}

void read_notes(std::string_view text) {
  if (const auto notes = parse_download_notes(text)) {
    check(is_commit_hash(notes->commit) && is_etag(notes->etag) && std::isfinite(notes->noted_s));
  }
}

void read_registry(std::string_view text) {
  const ModelRegistry registry = ModelRegistry::with_entries(parse_json(text, "models.json", {.max_depth = 8}));
  for (const RegistryModel& model : registry.search({.query = "a", .min_context_length = 1})) {
    check(is_repo_name(model.id) && is_repo_name(model.repo));
    dump_json(registry_object(model));
  }
  check(registry.recommended("chat", uint64_t{1} << 40).size() <= registry.models().size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr void (*kReaders[])(std::string_view) = {read_journal, read_notes, read_registry};
  if (size == 0) {
    return 0;
  }
  try {
    kReaders[data[0] % std::size(kReaders)]({reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const Error& error) {
    check(error.code() == ErrorCode::Corrupt);
  }
  return 0;
}
