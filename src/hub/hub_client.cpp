#include "hub/hub_client.h"

#include <algorithm>
#include <ctime>
#include <thread>

#include <fmt/format.h>

#include "hub/cache.h"
#include "hub/digest.h"

namespace burin::hub {
namespace {

constexpr int kMaxRedirects = 20;
constexpr uint64_t kMaxJson = uint64_t{32} << 20;
constexpr uint64_t kMaxErrorBody = uint64_t{1} << 20;
constexpr size_t kMaxPages = 200;
constexpr size_t kMaxFiles = 100'000;
constexpr int kApiTotalSeconds = 120;

Error bad_answer(const std::string& why) {
  return Error(ErrorCode::Network, "hub", why)
      .type("bad_answer")
      .hint("check that HF_ENDPOINT, if set, is a Hugging Face Hub, and that no proxy changes its answers");
}

bool is_redirect(const HttpResponse& response) {
  const int status = response.status;
  const bool code = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  return response.failure == TransportFailure::None && code && response.headers.has("Location");
}

bool may_try_again(const HttpResponse& response) {
  switch (response.failure) {
    case TransportFailure::None:
      return is_retryable_status(response.status);
    case TransportFailure::Tls:
    case TransportFailure::TooLarge:
    case TransportFailure::Other:
      return false;
    default:
      return true;
  }
}

/** Where the Hub leads, which may be anything. */
Url link_target(const Url& here, std::string_view link) {
  try {
    return resolve_url(here, link);
  } catch (const Error& error) {
    throw bad_answer("the Hub leads to no address: " + error.message());
  }
}

Url redirect_target(const Url& here, const HttpResponse& response) {
  Url next = link_target(here, response.headers.get("Location"));
  if (here.scheme == "https" && next.scheme != "https") {
    throw bad_answer("the Hub redirects from https to http");
  }
  return next;
}

/** Commit and etag as promised; an answer without a commit is none of a Hub's. */
void check_facts(const FileFacts& facts, const FileRequest& request) {
  if (facts.commit.empty()) {
    throw bad_answer("an answer without X-Repo-Commit: this is no Hugging Face Hub");
  }
  if (facts.commit != request.subject.revision) {
    throw bad_answer(
        fmt::format("the Hub answers for commit \"{:.64}\" instead of {}", facts.commit, request.subject.revision));
  }
  // What the etag names is verified on the content itself; here two hashes of one kind that differ end it early.
  if (is_etag(facts.etag) && facts.etag.size() == request.etag.size() && facts.etag != request.etag) {
    throw bad_answer("the Hub's listing and its file disagree about the content of " + request.subject.file);
  }
}

/** Where the body of an accepted answer begins. */
uint64_t first_byte(const HttpResponse& response, const FileRequest& request) {
  if (const std::string encoding = response.headers.get("Content-Encoding");
      !encoding.empty() && encoding != "identity") {
    throw bad_answer("a file comes compressed, though that was not asked for");
  }
  const auto length = parse_count(response.headers.get("Content-Length"));
  if (response.status == 206) {
    const auto range = parse_content_range(response.headers.get("Content-Range"));
    const uint64_t end = request.end.value_or(request.size);
    if (!range || range->first != request.first || range->total != request.size || range->last >= end ||
        (length && *length != range->last - range->first + 1)) {
      throw bad_answer("the wrong part of a file comes: " + response.headers.get("Content-Range").substr(0, 80));
    }
    return range->first;
  }
  if (length && *length != request.size) {
    throw bad_answer(fmt::format("{} comes with {} bytes instead of {}", request.subject.file, *length, request.size));
  }
  return 0;
}

std::string resolve_target(const HubSubject& subject) {
  return fmt::format("/{}/resolve/{}/{}", percent_encode(subject.repo, "/"), percent_encode(subject.revision),
                     percent_encode(subject.file, "/"));
}

}  // namespace

void FileFacts::take(const HttpResponse& response) {
  const HttpHeaders& headers = response.headers;
  const std::string linked = headers.get("X-Linked-Etag");
  if (const std::string tag = normalize_etag(linked.empty() ? headers.get("ETag") : linked); !tag.empty()) {
    etag = tag;
  }
  if (const std::string name = headers.get("X-Repo-Commit"); !name.empty()) {
    commit = name;
  }
  if (const auto count = parse_count(headers.get("X-Linked-Size"))) {
    size = count;
  } else if (!is_redirect(response) && parse_count(headers.get("Content-Length"))) {
    size = parse_count(headers.get("Content-Length"));
  }
}

ResolvedRevision parse_revision(const Json& info) {
  const auto is = [&](const char* key, const Json& value) { return info.contains(key) && info[key] == value; };
  const std::string commit =
      info.is_object() && info.contains("sha") && info["sha"].is_string() ? info["sha"] : Json("");
  if (!is_commit_hash(commit)) {
    throw bad_answer("the Hub names no commit for the revision: this is no Hugging Face Hub");
  }
  return {.commit = commit, .restricted = !is("gated", false) || !is("private", false)};
}

HubClient::HubClient(const ClientOptions& options, const std::atomic<bool>& cancel)
    : options_(options), cancel_(cancel), http_(cancel) {}

HubSubject HubClient::subject(const std::string& repo, const std::string& revision) const {
  return {.repo = repo,
          .revision = revision,
          .file = {},
          .endpoint = options_.settings.endpoint,
          .with_token = !options_.token.empty()};
}

HttpTimeouts HubClient::timeouts(int idle_s, int total_s) const {
  return {.connect = std::chrono::seconds(options_.settings.metadata_timeout_s),
          .idle = std::chrono::seconds(idle_s),
          .total = std::chrono::seconds(total_s)};
}

void HubClient::wait(int attempt, const HttpResponse& response, const std::string& what) {
  const double chance = std::uniform_real_distribution<double>(0, 1)(chance_);
  const auto requested = requested_wait(response.status, response.headers, std::time(nullptr));
  const auto duration = retry_wait(options_.retry, attempt, requested, chance);
  if (options_.on_retry) {
    const std::string why =
        response.failure == TransportFailure::None ? fmt::format("the Hub answers {}", response.status) : response.why;
    options_.on_retry(
        fmt::format("{}: {}; trying again in {:.1f} s", what, why, std::chrono::duration<double>(duration).count()));
  }
  pause(duration);
}

void HubClient::pause(std::chrono::steady_clock::duration duration) const {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
    if (cancel_) {
      throw Error(ErrorCode::Cancelled, "network", "interrupted");
    }
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(end - std::chrono::steady_clock::now(),
                                                                              std::chrono::milliseconds(50)));
  }
}

HttpResponse HubClient::exchange(const HttpRequest& request, bool at_hub, FileFacts* facts) {
  HttpRequest current = request;
  current.headers.emplace_back("Accept-Encoding: identity");
  current.headers.push_back("User-Agent: " + options_.user_agent);
  if (at_hub && !options_.token.empty() && may_receive_token(request.url, options_.settings.endpoint)) {
    current.headers.push_back("Authorization: Bearer " + options_.token);
  }
  FileFacts unused;
  FileFacts& told = facts != nullptr && at_hub ? *facts : unused;
  current.wants_body = [&](const HttpResponse& head) {
    told.take(head);
    return request.wants_body && !is_redirect(head) && request.wants_body(head);
  };
  HttpResponse response = http_.send(current);
  options_.reached = options_.reached || response.status != 0;
  told.take(response);
  return response;
}

HttpResponse HubClient::follow(HttpRequest request, Redirects rule, FileFacts* facts) {
  bool at_hub = true;  // never again once it was left
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    at_hub = at_hub && is_hub_origin(request.url, options_.settings.endpoint);
    HttpResponse response = exchange(request, at_hub, facts);
    if (!is_redirect(response)) {
      return response;
    }
    const Url next = redirect_target(request.url, response);
    const bool foreign = !is_hub_origin(next, options_.settings.endpoint);
    if (foreign && rule == Redirects::StopAtForeign) {
      return response;
    }
    if (foreign && rule == Redirects::HubOnly) {
      throw bad_answer("the Hub's interface redirects to another host, " + next.origin());
    }
    request.url = next;
  }
  throw bad_answer("the Hub redirects in a circle");
}

bool HubClient::tries_again(const HttpResponse& response, int attempt,
                            std::chrono::steady_clock::duration elapsed) const {
  const RetryPolicy& policy = options_.retry;
  const bool unreached = response.failure == TransportFailure::Connect && !options_.reached;
  const bool patient = !unreached || (attempt < policy.unreached_retries && elapsed < policy.unreached);
  return may_try_again(response) && attempt < policy.retries && patient;
}

HttpResponse HubClient::with_retries(const HttpRequest& request, Redirects rule, FileFacts* facts,
                                     const std::string& what) {
  const auto start = std::chrono::steady_clock::now();
  for (int attempt = 0;; ++attempt) {
    HttpResponse response = follow(request, rule, facts);
    if (!tries_again(response, attempt, std::chrono::steady_clock::now() - start)) {
      return response;
    }
    wait(attempt, response, what);
  }
}

HttpResponse HubClient::get_json(const Url& url, const HubSubject& subject, Json& json) {
  const HttpRequest request{.url = url,
                            .headers = {"Accept: application/json"},
                            .max_body = kMaxJson,
                            .timeouts = timeouts(options_.settings.metadata_timeout_s, kApiTotalSeconds)};
  HttpResponse response = with_retries(request, Redirects::HubOnly, nullptr, "asking the Hub");
  if (response.failure != TransportFailure::None || response.status != 200) {
    throw hub_error(response, subject);
  }
  if (response.headers.has("Content-Encoding") && response.headers.get("Content-Encoding") != "identity") {
    throw bad_answer("an answer comes compressed, though that was not asked for");
  }
  try {
    json = parse_json(response.body, "answer");
  } catch (const Error& error) {
    throw bad_answer("the Hub's answer cannot be read: " + error.message());
  }
  return response;
}

ResolvedRevision HubClient::resolve_revision(const std::string& repo, const std::string& revision) {
  if (is_commit_hash(revision)) {
    return {.commit = revision};
  }
  Json info;
  const std::string target =
      fmt::format("/api/models/{}/revision/{}", percent_encode(repo, "/"), percent_encode(revision));
  get_json(options_.settings.url(target), subject(repo, revision), info);
  return parse_revision(info);
}

std::vector<RepoFile> HubClient::list_files(const std::string& repo, const std::string& commit) {
  std::vector<RepoFile> files;
  Url url = options_.settings.url(fmt::format("/api/models/{}/tree/{}?recursive=true&expand=false",
                                              percent_encode(repo, "/"), percent_encode(commit)));
  for (size_t page = 0; page < kMaxPages && files.size() <= kMaxFiles; ++page) {
    Json json;
    const HttpResponse response = get_page(url, subject(repo, commit), page == 0, json);
    append_tree_page(json, files);
    const std::string next = next_link(response.headers.get("Link"));
    if (next.empty()) {
      return files;
    }
    const Url before = std::exchange(url, link_target(url, next));
    if (url.origin() != before.origin()) {
      throw bad_answer("the Hub's listing goes on at another host, " + url.origin());
    }
  }
  throw Error(ErrorCode::Unsupported, "hub", fmt::format("\"{}\" lists more than {} files", repo, kMaxFiles))
      .hint("such a repository is no model");
}

HttpResponse HubClient::get_page(const Url& url, const HubSubject& subject, bool first, Json& json) {
  try {
    return get_json(url, subject, json);
  } catch (const Error& error) {
    if (first || error.code() != ErrorCode::NotFound) {
      throw;
    }
    throw bad_answer("the Hub's listing goes on where nothing is");
  }
}

Json HubClient::search(const std::string& query) {
  Json models;
  get_json(options_.settings.url("/api/models?" + query), subject(""), models);
  if (!models.is_array()) {
    throw bad_answer("the Hub's answer to a search is no list");
  }
  return models;
}

FileFacts HubClient::file_facts(const HubSubject& subject) {
  FileFacts facts;
  const HttpRequest request{.url = options_.settings.url(resolve_target(subject)),
                            .head = true,
                            .max_body = kMaxErrorBody,
                            .timeouts = timeouts(options_.settings.metadata_timeout_s, kApiTotalSeconds)};
  const HttpResponse response = with_retries(request, Redirects::StopAtForeign, &facts, subject.file);
  if (response.failure != TransportFailure::None || (response.status != 200 && !is_redirect(response))) {
    throw hub_error(response, subject);
  }
  if (!is_commit_hash(facts.commit) || !is_etag(facts.etag) || !facts.size) {
    throw bad_answer("an answer without commit, hash and size of a file: this is no Hugging Face Hub");
  }
  return facts;
}

HttpResponse HubClient::get_file(const FileRequest& request) {
  FileFacts facts;
  uint64_t position = 0;
  HttpRequest http{.url = options_.settings.url(resolve_target(request.subject)),
                   .max_body = kMaxErrorBody,
                   .timeouts = timeouts(options_.settings.download_timeout_s, 0)};
  const bool part = request.first > 0 || request.end;
  if (part) {
    http.headers.push_back(
        fmt::format("Range: bytes={}-{}", request.first, request.end ? std::to_string(*request.end - 1) : ""));
  }
  http.wants_body = [&](const HttpResponse& head) {
    if (head.status != 200 && !(part && head.status == 206)) {
      return false;
    }
    check_facts(facts, request);
    position = first_byte(head, request);
    return true;
  };
  http.sink = [&](std::span<const std::byte> bytes) {
    const uint64_t at = std::exchange(position, position + bytes.size());
    return request.sink(at, bytes);
  };
  HttpResponse response = follow(http, Redirects::Anywhere, &facts);
  const bool accepted =
      response.failure == TransportFailure::None && (response.status == 200 || response.status == 206);
  if (accepted) {
    check_facts(facts, request);  // an empty body asks nothing
  } else if (!may_try_again(response)) {
    throw hub_error(response, request.subject);
  }
  return response;
}

}  // namespace burin::hub
