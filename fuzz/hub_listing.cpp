// What a hub's JSON may say: a page of a listing, a listing kept on disk, a revision, a search. The first byte picks
// one. No name or hash that is accepted may lead out of its folder, and what is written is read back the same.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "check.h"
#include "hub/cache.h"
#include "hub/digest.h"
#include "hub/search.h"

namespace {

using namespace burin;
using namespace burin::hub;
using fuzz::check;

void check_files(const std::vector<RepoFile>& files) {
  for (const RepoFile& file : files) {
    check(!file.path.empty() && file.path.front() != '/' && ("/" + file.path + "/").find("/../") == std::string::npos);
    check(is_etag(file.etag()) && file.content_size() <= uint64_t{1} << 50);
  }
}

/** Names and hashes in the order of the names. */
std::vector<std::string> lines_of(const std::vector<RepoFile>& files) {
  std::vector<std::string> lines;
  for (const RepoFile& file : files) {
    lines.push_back(file.path + " " + file.etag() + " " + std::to_string(file.content_size()));
  }
  std::ranges::sort(lines);
  return lines;
}

void read_page(std::string_view text) {
  std::vector<RepoFile> files;
  append_tree_page(parse_json(text, "answer"), files);
  check_repo_paths(files, true);
  check_files(files);
  if (const auto kept = tree_json(files)) {
    const auto again = parse_tree_json(*kept);
    check(again && lines_of(*again) == lines_of(files));
  }
}

void read_kept(std::string_view text) {
  if (const auto files = parse_tree_json(text)) {
    check_files(*files);
  }
}

void read_revision(std::string_view text) {
  check(is_commit_hash(parse_revision(parse_json(text, "answer")).commit));
}

void read_search(std::string_view text) {
  const Json answer = parse_json(text, "answer");
  if (!answer.is_array()) {
    return;  // HubClient::search() refuses it
  }
  const std::vector<FoundModel> models = parse_search(answer, 20);
  check(models.size() <= 20);
  for (const FoundModel& model : models) {
    check(is_repo_name(model.id));
    dump_json(found_object(model));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr void (*kReaders[])(std::string_view) = {read_page, read_kept, read_revision, read_search};
  if (size == 0) {
    return 0;
  }
  try {
    kReaders[data[0] % std::size(kReaders)]({reinterpret_cast<const char*>(data) + 1, size - 1});
  } catch (const Error& error) {
    check(error.code() == ErrorCode::Corrupt || error.code() == ErrorCode::Network);
  }
  return 0;
}
