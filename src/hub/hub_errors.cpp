#include "hub/hub_errors.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace burin::hub {
namespace {

constexpr std::string_view kRepoMissing = "model_not_found";
constexpr std::string_view kUnreachable = "hub_unreachable";

std::string token_hint(const HubSubject& subject) {
  return subject.with_token
             ? "check that the token in HF_TOKEN may read it"
             : fmt::format("set HF_TOKEN to a token of yours ({}/settings/tokens)", subject.endpoint.text());
}

Error transport_error(const HttpResponse& response, const HubSubject& subject) {
  const std::string host = subject.endpoint.origin();
  switch (response.failure) {
    case TransportFailure::Connect:
      return Error(ErrorCode::Network, "hub", fmt::format("cannot reach {}: {}", host, response.why))
          .type(std::string(kUnreachable))
          .hint("check the connection, HF_ENDPOINT and proxy settings; --offline uses what is cached");
    case TransportFailure::Timeout:
      return Error(ErrorCode::Network, "hub", fmt::format("no answer from {} in time", host))
          .type(std::string(kUnreachable))
          .hint(
              "run the command again: what came so far is kept; HF_HUB_DOWNLOAD_TIMEOUT sets the patience in seconds");
    case TransportFailure::Tls:
      return Error(ErrorCode::Network, "hub", fmt::format("{} cannot be trusted: {}", host, response.why))
          .type("tls_failed")
          .hint("check the clock and the certificates of this machine (SSL_CERT_FILE names other ones)");
    case TransportFailure::TooLarge:
      return Error(ErrorCode::Network, "hub", fmt::format("{}: {}", host, response.why))
          .type("bad_answer")
          .hint("check HF_ENDPOINT and proxy settings");
    default:
      return Error(ErrorCode::Network, "hub", fmt::format("the connection broke: {}", response.why))
          .type("download_failed")
          .hint("run the command again: what came so far is kept");
  }
}

Error missing_repo(const HubSubject& subject) {
  return Error(ErrorCode::NotFound, "hub",
               fmt::format("the Hub shows no model \"{}\": it is not there, or it is private or gated", subject.repo))
      .type(std::string(kRepoMissing))
      .hint("check the name (`burin search` finds models); for a private one " + token_hint(subject));
}

Error gated_repo(const HubSubject& subject) {
  const std::string page = fmt::format("{}/{}", subject.endpoint.text(), subject.repo);
  return Error(ErrorCode::Permission, "hub",
               fmt::format("\"{}\" asks its users to accept its terms first", subject.repo))
      .type("access_denied")
      .fact("url", page)
      .hint(fmt::format("accept them at {}, then {}", page, token_hint(subject)));
}

Error unauthorized(const HttpResponse& response, const HubSubject& subject) {
  const bool bad_token = response.headers.get("X-Error-Message") == "Invalid credentials in Authorization header";
  if (bad_token || subject.repo.empty()) {
    return Error(ErrorCode::Permission, "hub", "the Hub does not accept the token")
        .type("auth_error")
        .hint(fmt::format("make a new one at {}/settings/tokens and set HF_TOKEN to it", subject.endpoint.text()));
  }
  return missing_repo(subject);
}

Error status_error(const HttpResponse& response, const HubSubject& subject) {
  if (response.status == 401) {
    return unauthorized(response, subject);
  }
  const std::string said = escape_controls(response.headers.get("X-Error-Message").substr(0, 200), LineBreaks::Escape);
  if (response.status == 403) {
    return Error(ErrorCode::Permission, "hub", "the Hub refuses access" + (said.empty() ? "" : ": " + said))
        .type("access_denied")
        .hint(token_hint(subject));
  }
  if (response.status == 404 && !subject.repo.empty() && subject.file.empty()) {
    return missing_repo(subject);
  }
  if (response.status == 429) {
    return Error(ErrorCode::Network, "hub", "the Hub answers no more requests for now (429)")
        .type("rate_limited")
        .hint("wait a few minutes; with a token in HF_TOKEN the limits are higher");
  }
  const bool down = response.status >= 500;
  return Error(ErrorCode::Network, "hub",
               fmt::format("the Hub answers {}{}", response.status, said.empty() ? "" : ": " + said))
      .type(down ? std::string(kUnreachable) : "download_failed")
      .hint(down ? "the fault is on the Hub's side: try again later" : "");
}

}  // namespace

Error hub_error(const HttpResponse& response, const HubSubject& subject) {
  if (response.failure != TransportFailure::None) {
    return transport_error(response, subject);
  }
  const std::string code = response.headers.get("X-Error-Code");
  if (code == "RepoNotFound") {
    return missing_repo(subject);
  }
  if (code == "GatedRepo") {
    return gated_repo(subject);
  }
  if (code == "RevisionNotFound") {
    return Error(ErrorCode::NotFound, "hub",
                 fmt::format("\"{}\" has no revision \"{}\"", subject.repo, subject.revision))
        .type("revision_not_found")
        .hint("without --revision the default branch is taken");
  }
  if (code == "EntryNotFound") {
    return Error(ErrorCode::NotFound, "hub", fmt::format("\"{}\" has no file \"{}\"", subject.repo, subject.file))
        .type("file_not_found")
        .hint("the repository changes at this moment, or the Hub is at fault: try again later");
  }
  if (response.headers.get("X-Error-Message") == "Access to this resource is disabled.") {
    return Error(ErrorCode::Permission, "hub", fmt::format("the Hub has disabled \"{}\"", subject.repo))
        .type("access_denied")
        .hint("another copy of the model may be there: `burin search`");
  }
  return status_error(response, subject);
}

bool is_missing_repo(const Error& error) {
  return error.type() == kRepoMissing;
}

bool is_unreachable(const Error& error) {
  return error.type() == kUnreachable || error.type() == "download_failed" || error.type() == "rate_limited";
}

}  // namespace burin::hub
