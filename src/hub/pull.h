// Brings a model from the Hub into the Hugging Face cache, as `snapshot_download` of its Python client would leave it:
// resolve, list, plan, then files in parallel, then the listing and the branch's name.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "hub/hub_client.h"

namespace burin::hub {

struct PullRequest {
  std::string model;     // `namespace/name`, or a bare name
  std::string revision;  // empty: main
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  int jobs = 8;
  bool offline = false;                  // besides what the settings say
  bool dry_run = false;                  // plans, writes nothing
  bool check_all = false;                // hashes what is cached too, and fetches again what differs
  std::filesystem::path local_dir;       // plain files go there instead of into the cache; empty: none
  std::chrono::milliseconds timeout{0};  // for all of it; 0: none
};

/** Where things are and how the Hub is asked. */
struct PullPlace {
  std::filesystem::path hub_cache;
  std::filesystem::path state_dir;  // of burin's own notes on partial downloads; empty: none are kept
  HubSettings settings;
  RetryPolicy retry;
  std::string user_agent = "burin";
};

struct PulledFile {
  std::string path;
  uint64_t size = 0;
  std::string etag;
  bool was_cached = false;
  bool to_fetch = false;  // else its content is there, at most under another name
  uint64_t at_hand = 0;   // bytes that need not be fetched: of an earlier download, or the content under another name

  uint64_t missing() const { return was_cached ? 0 : size - at_hand; }
};

struct FileProgress {
  std::string path;
  uint64_t done = 0;
  uint64_t size = 0;
};

/** A moment of a pull. */
struct PullProgress {
  uint64_t bytes_done = 0;  // of what had to be fetched
  uint64_t bytes_total = 0;
  size_t files_done = 0;
  size_t files_total = 0;
  double bytes_per_s = 0;
  std::vector<FileProgress> running;
};

/** Called in the thread that called pull(). */
struct PullListener {
  std::function<void(const std::string& model, const std::string& commit, const std::vector<PulledFile>& files)>
      on_plan;
  std::function<void(const PulledFile& file)> on_file;            // now in the snapshot
  std::function<void(const PullProgress& progress)> on_progress;  // ten times a second
  std::function<void(const std::string& note)> on_note;           // a retry, a lock that is waited for
};

enum class PullStatus { Success, AlreadyExists, Planned };

struct PullResult {
  PullStatus status = PullStatus::Success;
  std::string model;          // as the Hub calls it
  std::string expanded_name;  // `mlx-community/NAME` for a bare NAME; empty when nothing was added
  std::string revision;
  std::string commit;
  std::filesystem::path snapshot_dir;
  std::vector<PulledFile> files;
  uint64_t bytes_downloaded = 0;  // over the network, by this call
  uint64_t bytes_total = 0;       // of all files
  uint64_t bytes_missing = 0;     // of them, when it began
  std::string note;               // why the Hub was not asked, if it was not
};

/**
 * Complete, or an error that left a cache every client reads and that the next call goes on from.
 * Network errors are of type pull_timeout where the request's own time is over.
 * Throws: NotFound (model_not_found, revision_not_found, no_match, not_cached), Permission (access_denied, auth_error,
 * read_only_cache), Network (hub_unreachable, incomplete_snapshot, ..), Corrupt (integrity_error, unsafe_path),
 * ResourceExhausted (disk_full), Cancelled, InvalidArgument, Unsupported (no libcurl).
 */
PullResult pull(const PullRequest& request, const PullPlace& place, const std::atomic<bool>& cancel,
                const PullListener& listener);

/** The repositories that a name may mean on the Hub, in the order in which they are asked for. */
std::vector<std::string> hub_names(const std::string& model, const std::filesystem::path& hub_cache);

/** How the Hub is asked from here; `on_retry` may be empty. */
ClientOptions client_options(const PullPlace& place, std::function<void(const std::string&)> on_retry);

/** {model, download_status, expanded_name, commit_hash, revision, path, files[{name, size_bytes, cached}],
 * bytes_downloaded, bytes_total, bytes_missing, note}. */
Json pull_object(const PullResult& result);

}  // namespace burin::hub
