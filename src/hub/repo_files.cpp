#include "hub/repo_files.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "hub/digest.h"
#include "hub/nearest.h"

namespace burin::hub {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 50;
constexpr int64_t kTreeFormat = 1;
constexpr size_t kMaxSegment = 255;
constexpr size_t kMaxPath = 3000;

[[noreturn]] void refuse(std::string_view path, std::string_view why) {
  throw Error(ErrorCode::Corrupt, "listing",
              fmt::format("the repository lists a file \"{}\": {}",
                          escape_controls(path.substr(0, 200), LineBreaks::Escape), why))
      .type("unsafe_path")
      .hint("nothing was written; ask the owner of the repository to rename it");
}

void check_segment(std::string_view path, std::string_view segment) {
  if (segment.empty() || segment == "." || segment == "..") {
    refuse(path, "it has an empty, . or .. part");
  }
  if (segment.size() > kMaxSegment) {
    refuse(path, "a part of it is longer than 255 bytes");
  }
  if (segment.size() > 1 && segment[1] == ':') {
    refuse(path, "it names a drive");
  }
}

/** Hashes become names of files, so nothing else may stand in their place. */
void check_hashes(const RepoFile& file) {
  const bool sha256 = file.lfs_sha256.empty() || (file.lfs_sha256.size() == 64 && is_etag(file.lfs_sha256));
  if (!sha256 || file.blob_id.size() != 40 || !is_etag(file.blob_id)) {
    refuse(file.path, "its hash is none");
  }
}

bool is_xet_hash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
         });
}

RepoFile file_of(const JsonView& entry) {
  RepoFile file{.path = entry.string("path"),
                .size = static_cast<uint64_t>(entry.integer("size", 0, kMaxSize)),
                .blob_id = entry.string("oid"),
                .lfs_sha256 = {},
                .xet_hash = entry.string_or("xetHash", "")};
  if (const auto lfs = entry.object("lfs")) {
    file.lfs_sha256 = lfs->string("oid");
    file.lfs_size = static_cast<uint64_t>(lfs->integer("size", 0, kMaxSize));
  }
  check_hashes(file);
  return file;
}

RepoFile file_of(const std::string& path, const JsonView& entry) {
  RepoFile file{.path = path,
                .size = static_cast<uint64_t>(entry.integer("size", 0, kMaxSize)),
                .blob_id = entry.string("blob_id"),
                .lfs_sha256 = entry.string_or("lfs_sha256", ""),
                .xet_hash = entry.string_or("xet_hash", "")};
  if (!file.lfs_sha256.empty()) {
    file.lfs_size = static_cast<uint64_t>(entry.integer("lfs_size", 0, kMaxSize));
  }
  check_hashes(file);
  return file;
}

}  // namespace

void check_repo_path(std::string_view path) {
  if (!is_valid_utf8(path) ||
      std::ranges::any_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
    refuse(path, "it holds control bytes or is no UTF-8");
  }
  if (path.size() > kMaxPath) {
    refuse(path, "it is too long");
  }
  std::string_view rest = path;
  while (true) {
    const size_t end = std::min(rest.find_first_of("/\\"), rest.size());
    check_segment(path, rest.substr(0, end));
    if (end == rest.size()) {
      return;
    }
    rest.remove_prefix(end + 1);
  }
}

void check_repo_paths(const std::vector<RepoFile>& files, bool fold_case) {
  std::set<std::string> names;
  for (const RepoFile& file : files) {
    check_repo_path(file.path);
    if (!names.insert(fold_case ? lower_ascii(file.path) : file.path).second) {
      refuse(file.path, "the name is there twice");
    }
  }
  for (const RepoFile& file : files) {
    const std::string name = fold_case ? lower_ascii(file.path) : file.path;
    for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      if (names.contains(name.substr(0, slash))) {
        refuse(file.path, "a part of it is a file too");
      }
    }
  }
}

void append_tree_page(const Json& page, std::vector<RepoFile>& files) {
  if (!page.is_array()) {
    throw Error(ErrorCode::Corrupt, "listing", "the Hub's listing is no array").type("bad_answer");
  }
  for (const Json& item : page) {
    const JsonView entry(item, "listing");
    if (entry.string("type") == "file") {
      files.push_back(file_of(entry));
    }
  }
}

std::optional<std::string> tree_json(const std::vector<RepoFile>& files) {
  std::vector<const RepoFile*> sorted;
  for (const RepoFile& file : files) {
    if (!file.xet_hash.empty() && !is_xet_hash(file.xet_hash)) {
      return std::nullopt;
    }
    sorted.push_back(&file);
  }
  std::ranges::sort(sorted, {}, [](const RepoFile* file) { return std::string_view(file->path); });
  std::string text = fmt::format("{{\n \"format_version\": {},\n \"files\": {{", kTreeFormat);
  for (const RepoFile* file : sorted) {
    Json entry{{"size", file->size}, {"blob_id", file->blob_id}};
    if (!file->lfs_sha256.empty()) {
      entry["lfs_sha256"] = file->lfs_sha256;
      entry["lfs_size"] = file->lfs_size;
    }
    if (!file->xet_hash.empty()) {
      entry["xet_hash"] = file->xet_hash;
    }
    // An object of one key, without its own braces, is indented once too little: it stands two levels deep.
    const std::string object = Json{{file->path, entry}}.dump(1, ' ', true);
    for (const char c : std::string_view(object).substr(1, object.size() - 3)) {
      text += c;
      text += c == '\n' ? " " : "";
    }
    text += file == sorted.back() ? "" : ",";
  }
  return text + (sorted.empty() ? "}\n}" : "\n }\n}");
}

std::optional<std::vector<RepoFile>> parse_tree_json(std::string_view text) {
  try {
    // Sorted, because a listing may have more keys than a Json of them bears.
    const SortedJson document = parse_sorted_json(text, "trees");
    if (!document.is_object() || document.value("format_version", int64_t{0}) != kTreeFormat ||
        !document.contains("files") || !document["files"].is_object()) {
      return std::nullopt;
    }
    std::vector<RepoFile> files;
    for (const auto& [path, value] : document["files"].items()) {
      const Json entry(value);
      files.push_back(file_of(path, JsonView(entry, "trees")));
    }
    check_repo_paths(files, false);
    return files;
  } catch (const Error&) {
    return std::nullopt;  // a listing is a shortcut: what cannot be used is fetched again
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace burin::hub
