// The Hub's interface over HTTP: redirects, the token, retries, and the handful of calls that a pull and a search need.
// Source: huggingface_hub 2.4 (hf_api.py, file_download.py), with a deadline and a limit on everything.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "hub/http.h"
#include "hub/hub_errors.h"
#include "hub/repo_files.h"
#include "hub/retry.h"
#include "hub/settings.h"

namespace burin::hub {

struct ClientOptions {
  HubSettings settings;
  std::string token;  // find_token(); empty: none is sent
  RetryPolicy retry;
  std::string user_agent = "burin";
  bool reached = false;                              // the Hub has answered before
  std::function<void(const std::string&)> on_retry;  // what failed and how long it waits; from the client's thread
};

/** What the Hub says of one file: on the answer itself, or on the redirect that leads away from it. */
struct FileFacts {
  std::string etag;
  std::string commit;
  std::optional<uint64_t> size;

  /** Takes over what an answer of a hub origin says. */
  void take(const HttpResponse& response);
};

struct ResolvedRevision {
  std::string commit;
  bool restricted = true;  // files may need more than the listing does; unknown counts as such
};

/** What the answer to `GET /api/models/REPO/revision/REVISION` says. Throws: Network (type bad_answer). */
ResolvedRevision parse_revision(const Json& info);

/** One part of a file's content. */
struct FileRequest {
  HubSubject subject;  // repository, commit as its revision, file
  std::string etag;
  uint64_t size = 0;  // of the whole file
  uint64_t first = 0;
  std::optional<uint64_t> end;  // one behind the last byte wanted; none: to the end
  /** Takes what comes, with its position; false ends it. */
  std::function<bool(uint64_t position, std::span<const std::byte>)> sink;
};

/** Threads: one; each thread makes its own. */
class HubClient {
 public:
  HubClient(const ClientOptions& options, const std::atomic<bool>& cancel);

  /** The commit that a branch, a tag or `refs/pr/N` names now. Throws: NotFound, Permission, Network. */
  ResolvedRevision resolve_revision(const std::string& repo, const std::string& revision);
  /** Every file of a commit, over as many pages as it takes. */
  std::vector<RepoFile> list_files(const std::string& repo, const std::string& commit);
  /** The answer to `GET /api/models?QUERY`: an array. */
  Json search(const std::string& query);
  /** By HEAD, without following a redirect away from the Hub. Throws: as get_file. */
  FileFacts file_facts(const HubSubject& subject);
  /**
   * One attempt at a part of a file: the sink is called only after status, range, length, commit and etag agree with
   * what is asked for. A failure of the network and a status to try again are values. Throws: NotFound, Permission,
   * Corrupt (the Hub contradicts itself), Network.
   */
  HttpResponse get_file(const FileRequest& request);

  HubSubject subject(const std::string& repo, const std::string& revision = "") const;
  /** Waits before retry number `attempt`, as `response` asks. Throws: Cancelled. */
  void wait(int attempt, const HttpResponse& response, const std::string& what);
  /** Throws: Cancelled. */
  void pause(std::chrono::steady_clock::duration duration) const;
  int retries() const { return options_.retry.retries; }

 private:
  enum class Redirects { HubOnly, StopAtForeign, Anywhere };

  /** One exchange; the token goes along where it may. */
  HttpResponse exchange(const HttpRequest& request, bool at_hub, FileFacts* facts);
  HttpResponse follow(HttpRequest request, Redirects rule, FileFacts* facts);
  HttpResponse with_retries(const HttpRequest& request, Redirects rule, FileFacts* facts, const std::string& what);
  HttpResponse get_json(const Url& url, const HubSubject& subject, Json& json);
  HttpResponse get_page(const Url& url, const HubSubject& subject, bool first, Json& json);
  HttpTimeouts timeouts(int idle_s, int total_s) const;
  bool tries_again(const HttpResponse& response, int attempt, std::chrono::steady_clock::duration elapsed) const;

  ClientOptions options_;
  const std::atomic<bool>& cancel_;
  HttpClient http_;
  std::minstd_rand chance_{std::random_device{}()};
};

}  // namespace burin::hub
