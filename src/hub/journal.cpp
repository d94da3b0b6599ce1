#include "hub/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "hub/digest.h"

namespace burin::hub {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kVersion = 1;
constexpr int64_t kMaxSize = int64_t{1} << 50;
constexpr uint64_t kMaxEntry = 4096;
constexpr std::string_view kSuffix = ".incomplete";

std::string key_of(const fs::path& blobs_dir, const std::string& etag) {
  std::error_code ignored;
  const std::string path = (fs::weakly_canonical(blobs_dir, ignored) / etag).string();
  Digest digest(DigestKind::Sha256, path.size());
  digest.update(std::as_bytes(std::span(path)));
  return digest.hex().substr(0, 40);
}

}  // namespace

uint64_t JournalEntry::trusted(const std::string& current_boot, uint64_t size_now) const {
  const bool same = !boot_id.empty() && boot_id == current_boot;
  // A kill loses nothing that was written, so without holes all that is there counts.
  const uint64_t length = !same ? durable : holes ? std::max(written, durable) : size;
  return std::min({length, size, size_now});
}

Journal::Journal(const fs::path& state_dir, const fs::path& blobs_dir, const std::string& etag)
    : file_(state_dir.empty() ? fs::path() : state_dir / "pulls" / (key_of(blobs_dir, etag) + ".json")) {}

std::optional<JournalEntry> parse_journal(std::string_view text, const std::string& etag, uint64_t size) {
  try {
    const Json json = parse_json(text, "journal");
    const JsonView view(json, "journal");
    if (view.integer("version", 0, kMaxSize) != kVersion) {
      return std::nullopt;
    }
    const auto count = [&](const char* key) { return static_cast<uint64_t>(view.integer(key, 0, kMaxSize)); };
    JournalEntry entry{.partial = view.string("partial"),
                       .previous = view.string_or("previous", ""),
                       .etag = view.string("etag"),
                       .size = count("size"),
                       .holes = view.boolean_or("holes", true),
                       .written = count("written"),
                       .durable = count("durable"),
                       .boot_id = view.string_or("boot_id", "")};
    const bool names =
        is_partial_name(entry.partial, etag) && (entry.previous.empty() || is_partial_name(entry.previous, etag));
    const bool fits = entry.etag == etag && entry.size == size && std::max(entry.written, entry.durable) <= size;
    return names && fits ? std::optional(entry) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<JournalEntry> Journal::read(const std::string& etag, uint64_t size) const {
  try {
    return file_.empty() ? std::nullopt : parse_journal(read_file(file_, kMaxEntry), etag, size);
  } catch (const Error&) {
    return std::nullopt;
  }
}

void Journal::write(const JournalEntry& entry) const {
  if (file_.empty()) {
    return;
  }
  const Json json{{"version", kVersion},      {"partial", entry.partial}, {"previous", entry.previous},
                  {"etag", entry.etag},       {"size", entry.size},       {"holes", entry.holes},
                  {"written", entry.written}, {"durable", entry.durable}, {"boot_id", entry.boot_id}};
  const std::string text = dump_json(json) + "\n";
  std::error_code ignored;
  fs::create_directories(file_.parent_path(), ignored);
  // Renamed but not flushed: after a power loss the file may be gone, and then the download begins anew.
  const fs::path temporary = file_.string() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    return;
  }
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  if (!whole || ::rename(temporary.c_str(), file_.c_str()) != 0) {
    ::unlink(temporary.c_str());
  }
}

void Journal::remove() const {
  if (!file_.empty()) {
    ::unlink(file_.c_str());
  }
}

std::string boot_id() {
  // Files of /proc have no size, so this one is read by hand.
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return "";
  }
  std::string text(64, '\0');
  const ssize_t length = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(length > 0 ? static_cast<size_t>(length) : 0);
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

bool is_partial_name(const std::string& name, const std::string& etag) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return name.size() == etag.size() + 9 + kSuffix.size() && name.starts_with(etag + ".") && name.ends_with(kSuffix) &&
         std::ranges::all_of(std::string_view(name).substr(etag.size() + 1, 8), hex);
}

}  // namespace burin::hub
