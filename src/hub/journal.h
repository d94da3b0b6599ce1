// What burin remembers of unfinished downloads, in its own state folder: which partial file is its own, and how much
// of it can be trusted after a kill or a power loss. Losing it costs bandwidth, never correctness.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace burin::hub {

struct JournalEntry {
  std::string partial;   // name beside the blobs: <etag>.<8 hex>.incomplete
  std::string previous;  // its name before it was claimed; may still be the one
  std::string etag;
  uint64_t size = 0;
  bool holes = false;    // written in several places at once
  uint64_t written = 0;  // the beginning that has no hole
  uint64_t durable = 0;  // the beginning that a power loss leaves
  std::string boot_id;   // what is not durable holds within one boot only

  /** The length to trust on this boot, of a file of `size_now`. */
  uint64_t trusted(const std::string& current_boot, uint64_t size_now) const;
};

/** The entry of one blob. Every call is best effort: a state folder that cannot be written just keeps nothing. */
class Journal {
 public:
  /** An empty `state_dir` keeps nothing. */
  Journal(const std::filesystem::path& state_dir, const std::filesystem::path& blobs_dir, const std::string& etag);

  /** None when there is no entry, or one that cannot be this blob's. */
  std::optional<JournalEntry> read(const std::string& etag, uint64_t size) const;
  void write(const JournalEntry& entry) const;
  void remove() const;

 private:
  std::filesystem::path file_;
};

/** What Journal::write() wrote for this blob; none for anything else. */
std::optional<JournalEntry> parse_journal(std::string_view text, const std::string& etag, uint64_t size);

/** Names this boot of the machine; empty where nothing does. */
std::string boot_id();

/** `<etag>.<8 hexadecimal digits>.incomplete`, as Hugging Face's client names and prunes them. */
bool is_partial_name(const std::string& name, const std::string& etag);

}  // namespace burin::hub
