#include "shared/client/http_client.h"

#include <unordered_map>

#include <curl/curl.h>

#include "shared/async/awaiters.h"
#include "shared/base/check.h"
#include "shared/base/text.h"
#include "shared/event/io_watch.h"
#include "shared/event/timer_wheel.h"

namespace apisix::client {
namespace {

constexpr long kConnectionsKept = 64;

struct EasyFree {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListFree {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

base::Error error_of(CURLcode code, const std::string& url, const char* detail) {
  base::Error error;
  error.source = base::ErrorSource::kUpstream;
  error.retryable = true;
  error.what = url + ": " + (detail[0] != '\0' ? detail : curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      error.code = base::ErrorCode::kTimeout;
      break;
    case CURLE_WRITE_ERROR:
      error.code = base::ErrorCode::kTooLarge;
      error.what = url + ": the answer is longer than expected";
      break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      error.code = base::ErrorCode::kInvalid;
      error.retryable = false;
      break;
    default:
      error.code = base::ErrorCode::kUnavailable;
  }
  return error;
}

// libcurl's memory is set up once per process, before its first use.
void initialise_once() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(done == CURLE_OK);
}

}  // namespace

std::string_view HttpResponse::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (base::equals_ignore_case(key, name)) return value;
  }
  return {};
}

// libcurl says which sockets and which timeout it waits for; the loop does the waiting.
class HttpClient::Multi {
 public:
  explicit Multi(event::Loop& loop)
      : loop_(loop),
        timer_(
            loop.timers(), [](void* self) { static_cast<Multi*>(self)->act(CURL_SOCKET_TIMEOUT, 0); }, this) {
    initialise_once();
    multi_ = curl_multi_init();
    CHECK(multi_ != nullptr);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timeout);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kConnectionsKept);
  }
  ~Multi() {
    curl_multi_cleanup(multi_);  // closes its sockets, which ends their watches
  }

  event::Loop& loop() { return loop_; }
  CURLM* handle() { return multi_; }

 private:
  struct Watch {
    Watch(Multi& owner, curl_socket_t fd)
        : multi(owner), socket(fd), io(owner.loop_, &Watch::on_event, this) {}
    static void on_event(void* self, bool readable, bool writable) {
      auto* watch = static_cast<Watch*>(self);
      // The call may end this watch.
      watch->multi.act(watch->socket, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
    }
    Multi& multi;
    curl_socket_t socket;
    event::IoWatch io;
  };

  static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    auto& watches = static_cast<Multi*>(self)->watches_;
    const auto known = watches.find(fd);
    if (what == CURL_POLL_REMOVE) {
      if (known != watches.end()) watches.erase(known);
      return 0;
    }
    const bool read = what != CURL_POLL_OUT;
    const bool write = what != CURL_POLL_IN;
    if (known == watches.end()) {
      auto watch = std::make_unique<Watch>(*static_cast<Multi*>(self), fd);
      watch->io.start(fd, read, write);
      watches.emplace(fd, std::move(watch));
    } else {
      known->second->io.want_read(read);
      known->second->io.want_write(write);
    }
    return 0;
  }

  static int on_timeout(CURLM*, long timeout_ms, void* self) {
    auto& timer = static_cast<Multi*>(self)->timer_;
    if (timeout_ms < 0) {
      timer.cancel();
    } else {
      timer.set_after_ms(static_cast<std::uint64_t>(timeout_ms));
    }
    return 0;
  }

  void act(curl_socket_t fd, int events);

  event::Loop& loop_;
  CURLM* multi_ = nullptr;
  event::Timer timer_;
  std::unordered_map<curl_socket_t, std::unique_ptr<Watch>> watches_;
};

namespace {

// One call; lives in the frame of its coroutine.
class Transfer {
 public:
  Transfer(event::Loop& loop, CURLM* multi, HttpRequest&& request)
      : request_(std::move(request)), multi_(multi), easy_(curl_easy_init()), done(loop) {
    CHECK(easy_ != nullptr);
    set_target();
    set_tls();
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail_);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request_.connect_timeout_ms));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout_ms));
    if (!request_.keep_connection) curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
    curl_multi_add_handle(multi_, easy);
  }
  ~Transfer() { curl_multi_remove_handle(multi_, easy_.get()); }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  base::Result<HttpResponse> take(CURLcode code) {
    if (code != CURLE_OK) return std::unexpected(error_of(code, request_.url, detail_));
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<unsigned>(status);
    return std::move(response_);
  }

 private:
  void set_target() {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, request_.url.c_str());
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    if (request_.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (!request_.body.empty()) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request_.body.data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    }
    curl_slist* list = curl_slist_append(nullptr, "Expect:");  // no round trip before the body
    for (const auto& [name, value] : request_.headers) {
      // libcurl takes "Name;" for a field without a value.
      list = curl_slist_append(list, (value.empty() ? name + ";" : name + ": " + value).c_str());
    }
    headers_.reset(list);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
  }

  void set_tls() {
    CURL* easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request_.verify_tls ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request_.verify_tls ? 2L : 0L);
    if (!request_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request_.ca_file.c_str());
    if (!request_.client_cert_file.empty()) {
      curl_easy_setopt(easy, CURLOPT_SSLCERT, request_.client_cert_file.c_str());
      curl_easy_setopt(easy, CURLOPT_SSLKEY, request_.client_key_file.c_str());
    }
  }

  static std::size_t on_body(char* data, std::size_t, std::size_t bytes, void* self) {
    auto* transfer = static_cast<Transfer*>(self);
    if (transfer->response_.body.size() + bytes > transfer->request_.response_bytes_max) return 0;
    transfer->response_.body.append(data, bytes);
    return bytes;
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t bytes, void* self) {
    auto& headers = static_cast<Transfer*>(self)->response_.headers;
    const std::string_view line(data, bytes);
    if (line.starts_with("HTTP/")) headers.clear();  // of an interim response
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      headers.emplace_back(line.substr(0, colon), base::trim(line.substr(colon + 1)));
    }
    return bytes;
  }

  HttpRequest request_;
  HttpResponse response_;
  CURLM* multi_;
  std::unique_ptr<CURL, EasyFree> easy_;
  std::unique_ptr<curl_slist, ListFree> headers_;
  char detail_[CURL_ERROR_SIZE] = {};

 public:
  async::Completion<CURLcode> done;
};

}  // namespace

void HttpClient::Multi::act(curl_socket_t fd, int events) {
  int running = 0;
  curl_multi_socket_action(multi_, fd, events, &running);
  int queued = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    reinterpret_cast<Transfer*>(transfer)->done.set(message->data.result);
  }
}

HttpClient::HttpClient(event::Loop& loop) : multi_(std::make_unique<Multi>(loop)) {}
HttpClient::~HttpClient() = default;

async::Task<base::Result<HttpResponse>> HttpClient::send(HttpRequest request) {
  Transfer transfer(multi_->loop(), multi_->handle(), std::move(request));
  const CURLcode code = co_await transfer.done;
  co_return transfer.take(code);
}

}  // namespace apisix::client
