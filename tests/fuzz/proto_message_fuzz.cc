// Any bytes as a message, and any JSON as one: what is read is JSON, whatever the options and however it is
// cut into slices; what is written from that JSON reads the same again.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "shared/base/check.h"
#include "shared/format/proto.h"
#include "shared/format/proto_encode.h"
#include "shared/format/proto_json.h"

namespace apisix::format {
namespace {

const ProtoMessage& type() {
  static const auto schema = compile_proto(R"(syntax = "proto3"; enum E { Z = 0; Y = 1; X = -2; }
    message I { string s = 1; repeated I more = 2; }
    message M { string s = 1; bytes b = 2; bool f = 3; double d = 4; float g = 5; int32 i = 6; int64 l = 7; uint32 u = 8;
      uint64 v = 9; sint32 w = 10; sint64 x = 11; fixed32 y = 12; fixed64 z = 13; sfixed32 p = 14; sfixed64 q = 15; E e = 16;
      M m = 17; repeated int32 n = 18; repeated string t = 19; repeated I r = 20; map<string, int64> a = 21;
      map<int32, I> c = 22; map<bool, E> h = 23; oneof o { string j = 24; I k = 25; } optional int32 aa = 26;
      repeated int64 bb = 27 [packed = false]; repeated E cc = 28; repeated double dd = 29; })")
                                 .value();
  return *schema->find_message("M");
}

using State = ProtoJson::State;

State read(std::string_view bytes, ProtoJsonOptions options, std::size_t slice, std::string& out) {
  ProtoJson json(type(), bytes, options);
  State state = State::kMore;
  for (std::size_t turns = 0; state == State::kMore; ++turns) {
    CHECK(turns <= 100'000);
    state = json.write(out, slice);
  }
  if (state == State::kDone) CHECK(json.bytes_kept() == 0);
  return state;
}

void check_bytes(std::string_view bytes, ProtoJsonOptions options) {
  std::string whole;
  const State state = read(bytes, options, SIZE_MAX, whole);
  std::string sliced;
  CHECK(read(bytes, options, 7, sliced) == state);
  CHECK(sliced == whole);
  if (state == State::kBroken) return;
  const auto json = parse_json(whole);
  CHECK(json.has_value());
  std::string again;
  (void)append_message(again, type(), *json);  // a real may be null
}

void check_json(std::string_view text) {
  const auto json = parse_json(text);
  std::string bytes;
  if (!json || !append_message(bytes, type(), *json)) return;
  std::string out;
  const ProtoJsonOptions exact{.int64 = ProtoJsonOptions::Int64::kText,
                               .defaults = ProtoJsonOptions::Defaults::kNone,
                               .enum_as_number = true};
  CHECK(read(bytes, exact, SIZE_MAX, out) == State::kDone);
}

}  // namespace
}  // namespace apisix::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using apisix::format::ProtoJsonOptions;
  if (size == 0 || size > 4096) return 0;
  const ProtoJsonOptions options{.int64 = static_cast<ProtoJsonOptions::Int64>(data[0] % 3),
                                 .defaults = static_cast<ProtoJsonOptions::Defaults>(data[0] / 3 % 4),
                                 .enum_as_number = data[0] > 127};
  // Exactly sized, so that the sanitizer sees a read behind the end.
  const std::unique_ptr<char[]> exact(new char[size - 1]);
  const std::string_view bytes(
      exact.get(),
      std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1).copy(exact.get(), size - 1));
  apisix::format::check_bytes(bytes, options);
  apisix::format::check_json(bytes);
  return 0;
}
