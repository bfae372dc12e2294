// JSON <-> messages: what APISIX's transcoding makes of each type, and bytes that are no message.
#include <string>

#include <gtest/gtest.h>

#include "shared/format/proto.h"
#include "shared/format/proto_encode.h"
#include "shared/format/proto_json.h"

namespace apisix::format {
namespace {

constexpr const char* kText = R"(syntax = "proto3";
package t;
import "google/protobuf/timestamp.proto";
import "google/protobuf/struct.proto";
service Echo { rpc Say (All) returns (All) {} rpc Chat (stream All) returns (stream All) {} }
enum Color { RED = 0; GREEN = 1; BLUE = -2; }
message Inner { string name = 1; int32 age = 2; repeated string tags = 3; }
message All {
  string text = 1; bytes raw = 2; bool flag = 3; double real = 4; float small = 5;
  int32 i32 = 6; int64 i64 = 7; uint32 u32 = 8; uint64 u64 = 9; sint32 s32 = 10; sint64 s64 = 11;
  fixed32 f32 = 12; fixed64 f64 = 13; sfixed32 sf32 = 14; sfixed64 sf64 = 15;
  Color color = 16; Inner inner = 17;
  repeated int32 numbers = 18; repeated string words = 19; repeated Inner list = 20; repeated Color colors = 21;
  map<string, string> labels = 22; map<int32, Inner> members = 23; map<bool, int64> flags = 24;
  oneof choice { string left = 25; Inner right = 26; }
  optional int32 maybe = 27;
  google.protobuf.Timestamp at = 28;
  google.protobuf.Struct any = 29;
  All nested = 30;
  repeated int64 loose = 31 [packed = false];
})";

constexpr ProtoJsonOptions kNoDefaults{.defaults = ProtoJsonOptions::Defaults::kNone};

class ProtoCodec : public ::testing::Test {
 protected:
  const ProtoMessage& type(std::string_view name = "t.All") const { return *schema_->find_message(name); }

  // JSON -> bytes; "error: ..." when it is refused.
  std::string encode(std::string_view json, std::string_view name = "t.All") const {
    std::string out;
    const auto status = append_message(out, type(name), *parse_json(json));
    return status ? out : "error: " + status.error().what;
  }
  std::string decode(std::string_view bytes, ProtoJsonOptions options = kNoDefaults,
                     std::string_view name = "t.All") const {
    std::string out;
    ProtoJson json(type(name), bytes, options);
    const auto state = json.write(out, std::size_t{1} << 30);
    return state == ProtoJson::State::kDone ? out : "broken";
  }
  // There and back again.
  std::string echo(std::string_view json, ProtoJsonOptions options = kNoDefaults) const {
    return decode(encode(json), options);
  }

  const base::Ref<const ProtoSchema> schema_ = compile_proto(kText).value_or(nullptr);
};

TEST_F(ProtoCodec, MethodsAreFoundByServiceWithPackage) {
  const ProtoMethod* say = schema_->find_method("t.Echo", "Say");
  ASSERT_NE(say, nullptr);
  EXPECT_EQ(say->request, &type());
  EXPECT_FALSE(say->streams_requests || say->streams_responses);
  EXPECT_TRUE(schema_->find_method("t.Echo", "Chat")->streams_responses);
  EXPECT_EQ(schema_->find_method("Echo", "Say"), nullptr);
  EXPECT_EQ(schema_->find_method("t.Echo", "Sing"), nullptr);
  EXPECT_EQ(schema_->find_message(".t.All"), &type());
}

TEST_F(ProtoCodec, BytesOnTheWire) {
  EXPECT_EQ(encode(R"({"text": "hi", "i32": 1})"), std::string("\x0a\x02hi\x30\x01"));
  EXPECT_EQ(encode(R"({"i32": -1})"), std::string("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
  EXPECT_EQ(encode(R"({"s32": -1, "numbers": [1, 300]})"), std::string("\x50\x01\x92\x01\x03\x01\xac\x02"));
  EXPECT_EQ(encode(R"({"loose": [1, 0]})"), std::string("\xf8\x01\x01\xf8\x01\x00", 6));
  EXPECT_EQ(encode(R"({"f32": 1, "labels": {"a": ""}})"),
            std::string("\x65\x01\x00\x00\x00\xb2\x01\x03\x0a\x01"
                        "a",
                        11));
}

TEST_F(ProtoCodec, EveryTypeComesBackAsItWent) {
  for (const char* json : {
           R"({"text":"a\"\\\n\u0001é","raw":"b","flag":true,"real":1.5,"small":0.25})",
           R"({"i32":-2147483648,"i64":-5,"u32":4294967295,"u64":7,"s32":-3,"s64":-4})",
           R"({"f32":1,"f64":2,"sf32":-3,"sf64":-4,"color":"GREEN"})",
           R"({"inner":{"name":"n","age":3,"tags":["x","y"]}})",
           R"({"numbers":[1,-1,0],"words":["","a"],"list":[{"name":"a"},{}],"colors":["RED","BLUE"]})",
           R"({"labels":{"a":"1","b":""},"members":{"-7":{"name":"m"}},"flags":{"true":1}})",
           R"({"choice":"right","right":{"age":1}})",
           R"({"maybe":0})",
           R"({"at":{"seconds":12,"nanos":5}})",
           R"({"any":{"fields":{"k":{"kind":"string_value","string_value":"v"}}}})",
           R"({"nested":{"nested":{"text":"deep"}}})",
           R"({"loose":[5,6]})",
       }) {
    EXPECT_EQ(echo(json), json);
  }
}

TEST_F(ProtoCodec, ValuesThatAreText) {
  EXPECT_EQ(echo(R"({"i32": "12", "i64": "#-0x1f", "u64": "#18446744073709551615", "s32": "-#0x3"})",
                 {.int64 = ProtoJsonOptions::Int64::kText, .defaults = ProtoJsonOptions::Defaults::kNone}),
            R"({"i32":12,"i64":-31,"u64":"#18446744073709551615","s32":-3})");
  EXPECT_EQ(echo(R"({"real": "1.5", "small": "2", "flag": "true", "color": "1"})"),
            R"({"flag":true,"real":1.5,"small":2,"color":"GREEN"})");
  EXPECT_EQ(echo(R"({"flag": "false", "i64": "", "i32": "abc", "u32": "1.9"})"), R"({"u32":1})");
  EXPECT_EQ(echo(R"({"numbers": "7", "words": "one", "unknown": {"a": [1]}, "text": null})"),
            R"({"numbers":[7],"words":["one"]})");
}

TEST_F(ProtoCodec, ValuesThatAreRefused) {
  EXPECT_EQ(encode(R"({"text": 1})"), "error: string expected for field 'text'");
  EXPECT_EQ(encode(R"({"i64": "abc"})"), "error: number expected for field 'i64'");
  EXPECT_EQ(encode(R"({"i32": 2147483648})"), "error: number expected for field 'i32'");
  EXPECT_EQ(encode(R"({"u32": -1})"), "error: number expected for field 'u32'");
  EXPECT_EQ(encode(R"({"u64": 1e300})"), "error: number expected for field 'u64'");
  EXPECT_EQ(encode(R"({"real": "x"})"), "error: number expected for field 'real'");
  EXPECT_EQ(encode(R"({"i32": true})"), "error: number expected for field 'i32'");
  EXPECT_EQ(encode(R"({"color": "PINK"})"), "error: number expected for field 'color'");
  EXPECT_EQ(encode(R"({"inner": "x"})"), "error: object expected for field 'inner'");
  EXPECT_EQ(encode(R"({"labels": ["a"]})"), "error: object expected for field 'labels'");
  EXPECT_EQ(encode(R"({"members": {"x": {}}})"), "error: number expected for field 'key'");
  EXPECT_EQ(encode(R"({"list": [null]})"), "error: object expected for field 'list'");
}

TEST_F(ProtoCodec, DefaultsOfProto3) {
  const ProtoJsonOptions defaults;
  EXPECT_EQ(decode("", defaults, "t.Inner"), R"({"name":"","age":0,"tags":[]})");
  EXPECT_EQ(decode("", {.defaults = ProtoJsonOptions::Defaults::kAll}, "t.Inner"),
            R"({"name":"","age":0,"tags":[]})");
  EXPECT_EQ(decode("", {.defaults = ProtoJsonOptions::Defaults::kLists}, "t.Inner"), R"({"tags":[]})");
  EXPECT_EQ(decode("", kNoDefaults, "t.Inner"), "{}");
  const std::string all = decode("", defaults);
  EXPECT_NE(all.find(R"("color":"RED","numbers":[])"), std::string::npos);
  EXPECT_NE(all.find(R"("labels":{})"), std::string::npos);
  for (const char* absent : {"inner", "left", "right", "choice", "maybe", "nested"}) {
    EXPECT_EQ(all.find('"' + std::string(absent) + '"'), std::string::npos) << absent;
  }
  EXPECT_EQ(decode("\xba\x01\x00", kNoDefaults), "broken");
}

TEST_F(ProtoCodec, DefaultsOfProto2) {
  const auto schema = compile_proto(R"(syntax = "proto2"; enum E { A = 1; B = 2; }
    message M { optional string s = 1 [default = "x"]; optional int64 n = 2 [default = -9]; optional E e = 3;
      optional E f = 4 [default = B]; optional float r = 5 [default = 0.5]; repeated int32 l = 6; optional bool b = 7; })");
  ASSERT_TRUE(schema) << schema.error().what;
  const auto of = [&](ProtoJsonOptions::Defaults defaults) {
    std::string out;
    ProtoJson json(*(*schema)->find_message("M"), "", {.defaults = defaults});
    EXPECT_EQ(json.write(out, 1000), ProtoJson::State::kDone);
    return out;
  };
  EXPECT_EQ(of(ProtoJsonOptions::Defaults::kProto3), "{}");
  EXPECT_EQ(of(ProtoJsonOptions::Defaults::kAll), R"({"s":"x","n":-9,"f":"B","r":0.5})");
}

TEST_F(ProtoCodec, LongNumbers) {
  const std::string bytes =
      encode(R"({"i64": 2251799813685261, "u64": 18446744073709551615, "sf64": -4294967296})");
  EXPECT_EQ(decode(bytes), R"({"i64":2.2517998136853e+15,"u64":1.844674407371e+19,"sf64":-4294967296})");
  EXPECT_EQ(
      decode(bytes, {.int64 = ProtoJsonOptions::Int64::kText, .defaults = ProtoJsonOptions::Defaults::kNone}),
      R"({"i64":"#2251799813685261","u64":"#18446744073709551615","sf64":"#-4294967296"})");
  EXPECT_EQ(decode(bytes, {.int64 = ProtoJsonOptions::Int64::kHexText,
                           .defaults = ProtoJsonOptions::Defaults::kNone}),
            R"({"i64":"#0x800000000000D","u64":"#0xFFFFFFFFFFFFFFFF","sf64":"#-0x100000000"})");
}

TEST_F(ProtoCodec, EnumsAsNumbers) {
  EXPECT_EQ(echo(R"({"color": "BLUE", "colors": [1, 99]})",
                 {.defaults = ProtoJsonOptions::Defaults::kNone, .enum_as_number = true}),
            R"({"color":-2,"colors":[1,99]})");
  EXPECT_EQ(echo(R"({"colors": [1, 99]})"), R"({"colors":["GREEN",99]})");
}

TEST_F(ProtoCodec, FieldsInAnyOrderPackedOrNot) {
  // numbers unpacked, between them text twice, loose packed, and a field that is not declared.
  EXPECT_EQ(decode(std::string("\x90\x01\x05\x0a\x01"
                               "a\x90\x01\x06\xf8\x3f\x01\x0a\x01"
                               "b\xfa\x01\x02\x07\x08",
                               20)),
            R"({"text":"b","numbers":[5,6],"loose":[7,8]})");
}

TEST_F(ProtoCodec, BytesThatAreNoMessage) {
  EXPECT_EQ(decode("\x0a"), "broken");                      // no length
  EXPECT_EQ(decode("\x0a\x05hi"), "broken");                // too short
  EXPECT_EQ(decode("\x08\x01"), "broken");                  // a varint for text
  EXPECT_EQ(decode(std::string("\x00\x01", 2)), "broken");  // field 0
  EXPECT_EQ(decode("\x0c"), "broken");                      // a group that ends only
  EXPECT_EQ(decode("\x3b"), "broken");                      // a group that does not end
  EXPECT_EQ(decode("\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "broken");  // a varint of 11 bytes
  EXPECT_EQ(decode("\x92\x01\x01\xff"), "broken");  // a packed list that ends within a number
  EXPECT_EQ(decode("\xf3\x3f\x0a\x01x\xf4\x3f\x0a\x01y"), R"({"text":"y"})");  // a group of an unknown field
}

TEST_F(ProtoCodec, NestingEndsAtItsLimit) {
  std::string bytes;
  for (std::size_t i = 1; i < kProtoDepthMax; ++i) {
    std::string length;
    for (std::size_t size = bytes.size();; size >>= 7) {
      length.push_back(static_cast<char>(size >= 0x80 ? (size | 0x80) : size));
      if (size < 0x80) break;
    }
    bytes = "\xf2\x01" + length + bytes;
  }
  EXPECT_TRUE(decode(bytes).starts_with(R"({"nested":{"nested":)"));
  std::string deeper = "\xf2\x01";
  deeper.push_back(static_cast<char>((bytes.size() & 0x7f) | 0x80));
  deeper.push_back(static_cast<char>(bytes.size() >> 7));
  EXPECT_EQ(decode(deeper + bytes), "broken");
}

TEST_F(ProtoCodec, WrittenInSlicesItIsTheSame) {
  std::string json = R"({"numbers":[)";
  for (int i = 0; i < 500; ++i) json += std::to_string(i) + ",";
  json += R"(0],"list":[{"name":"a","age":1,"tags":["t"]},{"name":"b"}],"labels":{"k":"v"}})";
  const std::string bytes = encode(json);
  ProtoJson sliced(type(), bytes, kNoDefaults);
  std::string out;
  int turns = 1;
  while (sliced.write(out, 50) == ProtoJson::State::kMore) ++turns;
  EXPECT_EQ(out, json);
  EXPECT_GT(turns, 20);
  EXPECT_EQ(sliced.bytes_kept(), 0U);
}

}  // namespace
}  // namespace apisix::format
