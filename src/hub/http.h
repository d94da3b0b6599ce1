// One HTTP exchange after another over kept connections. Nothing is followed, decoded or tried again by itself: what
// a redirect or a failure means is decided by the caller (hub/hub_client.h).
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hub/http_headers.h"
#include "hub/url.h"

namespace burin::hub {

enum class TransportFailure { None, Connect, Timeout, Cut, Tls, TooLarge, Other };

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;  // without what a sink took
  TransportFailure failure = TransportFailure::None;
  std::string why;       // of a failure
  bool stopped = false;  // the sink wanted no more
};

struct HttpTimeouts {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds idle{10'000};  // without a byte
  std::chrono::milliseconds total{0};      // 0: as long as bytes come
};

struct HttpRequest {
  Url url;
  bool head = false;
  std::vector<std::string> headers;  // "name: value"
  uint64_t max_body = 0;             // of HttpResponse::body; more is a failure, TooLarge
  HttpTimeouts timeouts;
  /** Asked once, when the headers are there: whether the body goes to `sink`. May throw. */
  std::function<bool(const HttpResponse&)> wants_body;
  /** Takes the body piece by piece; false ends the exchange. May throw. */
  std::function<bool(std::span<const std::byte>)> sink;
};

/** Threads: one. Several clients in several threads make several connections. */
class HttpClient {
 public:
  /** `cancel` ends every exchange within a fraction of a second. Throws: Unsupported without libcurl. */
  explicit HttpClient(const std::atomic<bool>& cancel);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) = delete;

  /** Failures of the network are values. Throws: Cancelled, and what the request's functions throw. */
  HttpResponse send(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace burin::hub
