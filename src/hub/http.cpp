#include "hub/http.h"

#include <algorithm>
#include <exception>
#include <map>
#include <string_view>

#include "base/error.h"
#include "hub/curl_library.h"

namespace burin::hub {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxHeaders = 200;
constexpr long kReceiveBuffer = 512L << 10;
constexpr int kPollMs = 100;
constexpr long kSlowest = 256;        // bytes a second: a body that only drips is taken for a stalled one
constexpr long kSlowestSeconds = 60;  // and for how long

/** One exchange as libcurl's callbacks see it. */
struct Exchange {
  const HttpRequest& request;
  HttpResponse& response;
  Clock::time_point active = Clock::now();
  bool asked = false;
  bool to_sink = false;
  bool too_large = false;
  std::exception_ptr thrown = nullptr;
};

size_t take_header(const char* data, size_t size, Exchange& exchange) {
  exchange.active = Clock::now();
  std::string_view line(data, size);
  while (line.ends_with('\n') || line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  HttpHeaders& headers = exchange.response.headers;
  if (line.starts_with("HTTP/")) {
    headers.clear();  // an interim answer went before
    const size_t blank = line.find(' ');
    exchange.response.status =
        blank == line.npos ? 0 : static_cast<int>(parse_count(line.substr(blank + 1, 3)).value_or(0));
  } else if (const size_t colon = line.find(':'); colon != line.npos) {
    headers.add(line.substr(0, colon), line.substr(colon + 1));
  }
  return headers.size() > kMaxHeaders ? 0 : size;
}

size_t take_body(const char* data, size_t size, Exchange& exchange) {
  exchange.active = Clock::now();
  if (!exchange.asked) {
    exchange.asked = true;
    exchange.to_sink = exchange.request.wants_body != nullptr && exchange.request.wants_body(exchange.response);
  }
  if (exchange.to_sink) {
    exchange.response.stopped = !exchange.request.sink(std::as_bytes(std::span(data, size)));
    return exchange.response.stopped ? 0 : size;
  }
  if (exchange.response.body.size() + size > exchange.request.max_body) {
    exchange.too_large = true;
    return 0;
  }
  exchange.response.body.append(data, size);
  return size;
}

/** What a callback throws is kept, as it may not pass through C. */
template <size_t (*kTake)(const char*, size_t, Exchange&)>
size_t callback(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  try {
    return kTake(data, size * count, exchange);
  } catch (...) {
    exchange.thrown = std::current_exception();
    return 0;
  }
}

TransportFailure failure_of(CURLcode code) {
  static const std::map<CURLcode, TransportFailure> kFailures{
      {CURLE_OK, TransportFailure::None},
      {CURLE_OPERATION_TIMEDOUT, TransportFailure::Timeout},
      {CURLE_COULDNT_RESOLVE_PROXY, TransportFailure::Connect},
      {CURLE_COULDNT_RESOLVE_HOST, TransportFailure::Connect},
      {CURLE_COULDNT_CONNECT, TransportFailure::Connect},
      {CURLE_PARTIAL_FILE, TransportFailure::Cut},
      {CURLE_GOT_NOTHING, TransportFailure::Cut},
      {CURLE_RECV_ERROR, TransportFailure::Cut},
      {CURLE_SEND_ERROR, TransportFailure::Cut},
      {CURLE_HTTP2, TransportFailure::Cut},
      {CURLE_HTTP2_STREAM, TransportFailure::Cut},
      {CURLE_PEER_FAILED_VERIFICATION, TransportFailure::Tls},
      {CURLE_SSL_CACERT_BADFILE, TransportFailure::Tls},
      {CURLE_SSL_CERTPROBLEM, TransportFailure::Tls},
      {CURLE_SSL_CONNECT_ERROR, TransportFailure::Tls},
  };
  const auto found = kFailures.find(code);
  return found == kFailures.end() ? TransportFailure::Other : found->second;
}

struct HeaderList {
  const CurlLibrary& curl;
  curl_slist* list = nullptr;

  HeaderList(const CurlLibrary& library, const std::vector<std::string>& headers) : curl(library) {
    for (const std::string& header : headers) {
      list = curl.slist_append(list, header.c_str());
    }
  }
  ~HeaderList() { curl.slist_free_all(list); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
};

}  // namespace

struct HttpClient::State {
  const CurlLibrary& curl;
  const std::atomic<bool>& cancel;
  CURLM* multi;
  CURL* easy;

  explicit State(const std::atomic<bool>& flag)
      : curl(curl_library()), cancel(flag), multi(curl.multi_init()), easy(curl.easy_init()) {
    if (multi == nullptr || easy == nullptr) {
      throw Error(ErrorCode::ResourceExhausted, "network", "no memory for a connection");
    }
  }
  ~State() {
    curl.easy_cleanup(easy);
    curl.multi_cleanup(multi);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void prepare(const HttpRequest& request, const HeaderList& headers, Exchange& exchange) const;
  CURLcode perform(const HttpTimeouts& timeouts, const Exchange& exchange) const;
  bool was_connected() const;
};

void HttpClient::State::prepare(const HttpRequest& request, const HeaderList& headers, Exchange& exchange) const {
  curl.easy_reset(easy);  // connections stay
  const auto set = [&](CURLoption option, auto value) { curl.easy_setopt(easy, option, value); };
  const std::string url = request.url.text();
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NETRC, 0L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_BUFFERSIZE, kReceiveBuffer);
  set(CURLOPT_LOW_SPEED_LIMIT, kSlowest);
  set(CURLOPT_LOW_SPEED_TIME, kSlowestSeconds);
  set(CURLOPT_NOBODY, request.head ? 1L : 0L);
  set(CURLOPT_HTTPHEADER, headers.list);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeouts.connect.count()));
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeouts.total.count()));
  set(CURLOPT_HEADERFUNCTION, &callback<take_header>);
  set(CURLOPT_HEADERDATA, static_cast<void*>(&exchange));
  set(CURLOPT_WRITEFUNCTION, &callback<take_body>);
  set(CURLOPT_WRITEDATA, static_cast<void*>(&exchange));
}

CURLcode HttpClient::State::perform(const HttpTimeouts& timeouts, const Exchange& exchange) const {
  const auto start = Clock::now();
  while (true) {
    int running = 0;
    if (curl.multi_perform(multi, &running) != CURLM_OK) {
      return CURLE_FAILED_INIT;
    }
    int left = 0;
    if (const CURLMsg* message = curl.multi_info_read(multi, &left)) {
      return message->data.result;
    }
    if (cancel) {
      throw Error(ErrorCode::Cancelled, "network", "interrupted");
    }
    // The connection has its own limit, so silence counts from the end of that at the earliest.
    const auto silent = Clock::now() - std::max(exchange.active, start);
    if (silent > timeouts.idle + (exchange.response.status == 0 ? timeouts.connect : std::chrono::milliseconds(0))) {
      return CURLE_OPERATION_TIMEDOUT;
    }
    curl.multi_poll(multi, nullptr, 0, kPollMs, nullptr);
  }
}

bool HttpClient::State::was_connected() const {
  curl_off_t microseconds = 0;
  curl.easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &microseconds);
  return microseconds > 0;
}

HttpClient::HttpClient(const std::atomic<bool>& cancel) : state_(std::make_unique<State>(cancel)) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpResponse HttpClient::send(const HttpRequest& request) {
  HttpResponse response;
  Exchange exchange{.request = request, .response = response};
  const HeaderList headers(state_->curl, request.headers);
  state_->prepare(request, headers, exchange);
  struct Attached {
    const State& state;
    explicit Attached(const State& owner) : state(owner) { state.curl.multi_add_handle(state.multi, state.easy); }
    ~Attached() { state.curl.multi_remove_handle(state.multi, state.easy); }
  } const attached(*state_);
  const CURLcode code = state_->perform(request.timeouts, exchange);
  if (exchange.thrown) {
    std::rethrow_exception(exchange.thrown);
  }
  if (response.stopped) {
    return response;
  }
  response.failure = exchange.too_large ? TransportFailure::TooLarge : failure_of(code);
  if (response.failure == TransportFailure::Timeout && !state_->was_connected()) {
    response.failure = TransportFailure::Connect;
    response.why = "Nobody answers there";
  } else if (response.failure != TransportFailure::None) {
    response.why =
        exchange.too_large ? "the answer is larger than any that is expected" : state_->curl.easy_strerror(code);
  }
  return response;
}

}  // namespace burin::hub
