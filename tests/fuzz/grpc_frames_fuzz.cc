// Any bytes as a body of gRPC messages, cut anywhere: the same messages come out, and no more bytes than
// came.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/http/grpc_frames.h"

namespace apisix::http {
namespace {

constexpr std::size_t kMessageBytesMax = 200;

// The frames again, written as they were read; '!' behind the last one that is too long.
std::string read(std::string_view body, std::size_t step) {
  using Event = GrpcFrameReader::Event;
  GrpcFrameReader reader(kMessageBytesMax);
  std::string out;
  while (!body.empty()) {
    std::string_view data = body.substr(0, step);
    body.remove_prefix(data.size());
    std::string_view piece;
    for (Event event = reader.next(data, piece); event != Event::kMore; event = reader.next(data, piece)) {
      if (event == Event::kTooLong) return out + "!";
      if (event == Event::kHead) {
        CHECK(reader.size() <= kMessageBytesMax);
        const auto head = grpc_frame_head(reader.flags(), reader.size());
        out.append(head.data(), head.size());
      }
      if (event == Event::kEnd) CHECK(reader.is_between());
      out += piece;
    }
    CHECK(data.empty());
  }
  return out;
}

}  // namespace
}  // namespace apisix::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 2048) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = apisix::http::read(body, SIZE_MAX);
  CHECK(apisix::http::read(body, 1 + data[0] % 16) == whole);
  if (!whole.ends_with('!')) CHECK(body.starts_with(whole));
  return 0;
}
