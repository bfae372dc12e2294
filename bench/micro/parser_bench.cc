// The HTTP/1 codec: what one request costs before and after the proxy has looked at it. Every pass does
// what the proxy does: scan the received bytes, copy the head into the arena, parse it there.
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "shared/http/h1/chunked_decoder.h"
#include "shared/http/h1/head_scanner.h"
#include "shared/http/h1/head_writer.h"
#include "shared/http/h1/request_parser.h"
#include "shared/http/h1/response_parser.h"
#include "shared/http/uri.h"

namespace apisix::http {
namespace {

constexpr std::string_view kWrk = "GET /64 HTTP/1.1\r\nHost: 127.0.0.1:9080\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /static/css/main.9f8a7c.css?v=20240611&lang=en HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "Connection: keep-alive\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: text/css,*/*;q=0.1\r\n"
    "Referer: https://www.example.com/products/index.html\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n"
    "Cookie: session=4f9a3b2c1d0e8f7a6b5c4d3e2f1a0b9c; theme=dark; consent=1\r\n"
    "Sec-Fetch-Mode: no-cors\r\n"
    "If-None-Match: \"5f3e-62a1b2c3d4e5f\"\r\n"
    "\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.24.0\r\n"
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Content-Type: application/octet-stream\r\n"
    "Content-Length: 64\r\n"
    "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"5f3e-62a1b2c3d4e5f\"\r\n"
    "Accept-Ranges: bytes\r\n"
    "\r\n";

void scan_only(benchmark::State& state, std::string_view bytes) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    HeadScanner scanner;
    benchmark::DoNotOptimize(scanner.scan(bytes));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void request_head(benchmark::State& state, std::string_view bytes) {
  const RequestLimits limits;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    base::Arena arena;
    HeadScanner scanner;
    if (scanner.scan(bytes) != HeadScanner::Result::kFound) return state.SkipWithError("no head");
    auto head = parse_request_head(arena.copy(bytes.substr(0, scanner.head_bytes())), arena, limits);
    if (!head) return state.SkipWithError(head.error().what);
    benchmark::DoNotOptimize(*head);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void response_head(benchmark::State& state, std::string_view bytes) {
  const ResponseLimits limits;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    base::Arena arena;
    HeadScanner scanner(HeadKind::kResponse);
    if (scanner.scan(bytes) != HeadScanner::Result::kFound) return state.SkipWithError("no head");
    auto head =
        parse_response_head(arena.copy(bytes.substr(0, scanner.head_bytes())), arena, Method::kGet, limits);
    if (!head) return state.SkipWithError(head.error().what);
    benchmark::DoNotOptimize(*head);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}

void write_head(benchmark::State& state, std::string_view bytes) {
  base::Arena arena;
  const RequestHead& head = **parse_request_head(arena.copy(bytes), arena, RequestLimits{});
  char out[4096];
  for (auto _ : state) {
    const RequestWrite write{.method = head.method_text, .target = head.target, .headers = &head.headers};
    benchmark::DoNotOptimize(write_request_head(write, out));
    benchmark::ClobberMemory();
  }
}

void decode_chunks(benchmark::State& state, std::size_t chunk_bytes) {
  std::string body;
  char line[kChunkLineBytesMax];
  for (std::size_t total = 0; total < 65536; total += chunk_bytes) {
    body.append(line, write_chunk_line(chunk_bytes, line));
    body.append(chunk_bytes, 'x').append(kChunkEnd);
  }
  body.append(kLastChunk);
  for (auto _ : state) {
    ChunkedDecoder decoder;
    for (std::string_view in = body; !decoder.done();) {
      const ChunkedDecoder::Step step = decoder.feed(in);
      benchmark::DoNotOptimize(step.bytes);
      in.remove_prefix(step.consumed);
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}

void normalize(benchmark::State& state, std::string_view path) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(path);
    base::Arena arena;
    benchmark::DoNotOptimize(normalize_path(path, arena));
  }
}

BENCHMARK_CAPTURE(scan_only, wrk, kWrk);
BENCHMARK_CAPTURE(scan_only, browser, kBrowser);
BENCHMARK_CAPTURE(request_head, wrk, kWrk);
BENCHMARK_CAPTURE(request_head, browser, kBrowser);
BENCHMARK_CAPTURE(response_head, nginx, kResponse);
BENCHMARK_CAPTURE(write_head, wrk, kWrk);
BENCHMARK_CAPTURE(write_head, browser, kBrowser);
BENCHMARK_CAPTURE(decode_chunks, of_16, 16);
BENCHMARK_CAPTURE(decode_chunks, of_4096, 4096);
BENCHMARK_CAPTURE(normalize, plain, "/static/css/main.9f8a7c.css");
BENCHMARK_CAPTURE(normalize, escaped, "/static/%63ss/../main.9f8a7c.css");

}  // namespace
}  // namespace apisix::http
