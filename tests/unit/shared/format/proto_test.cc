#include "shared/format/proto.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "shared/format/proto_schema.h"

namespace apisix::format {
namespace {

TEST(Proto, TextThatCompiles) {
  EXPECT_TRUE(check_proto(R"(syntax = "proto3";
    package helloworld;
    import "google/protobuf/timestamp.proto";
    service Greeter { rpc SayHello (HelloRequest) returns (HelloReply) {} }
    message HelloRequest { string name = 1; google.protobuf.Timestamp at = 2; }
    message HelloReply { string message = 1; })"));
  EXPECT_TRUE(check_proto("message Old { optional string name = 1; }"));
}

TEST(Proto, TextThatDoesNot) {
  EXPECT_EQ(check_proto("syntax = \"proto3\";\nmessage A {\n  string name 1;\n}").error().what,
            "3:15: Missing field number.");
  const auto twice = check_proto("syntax = \"proto3\"; message A { string a = 1; string b = 1; }");
  EXPECT_NE(twice.error().what.find("Field number 1 has already been used"), std::string::npos);
  const auto unknown = check_proto("syntax = \"proto3\"; message A { Nobody a = 1; }");
  EXPECT_NE(unknown.error().what.find("\"Nobody\" is not defined"), std::string::npos);
  EXPECT_FALSE(check_proto("syntax = \"proto3\"; import \"missing.proto\";"));
  EXPECT_FALSE(check_proto("no proto"));
}

// protoc --descriptor_set_out of: syntax = "proto3"; message A { string a = 1; }
TEST(Proto, ABinaryDescriptorSet) {
  EXPECT_TRUE(check_proto("CiQKB2EucHJvdG8iEQoBQRIMCgFhGAEgASgJUgFhYgZwcm90bzM="));
  EXPECT_FALSE(check_proto("CiQKB2EucHJvdG8iEQoBQRIMCgFhGAEgASgJUgFhYg"));
  EXPECT_FALSE(check_proto("AAAA"));
}

// What `protoc` writes without --include_imports: what a set does not have is left out.
TEST(Proto, ASetMayImportFilesThatItDoesNotHave) {
  // a.proto imports b.proto, and its message A has a field b of the type .t.B, and c, a string.
  const auto compiled =
      compile_proto("CjsKB2EucHJvdG8aB2IucHJvdG8iHwoBQRIPCgFiGAEgASgLMgQudC5CEgkKAWMYAiABKAliBnByb3RvMw==");
  ASSERT_TRUE(compiled) << compiled.error().what;
  const ProtoMessage& type = *(*compiled)->find_message("A");
  EXPECT_EQ(type.find(1)->message, nullptr);
  EXPECT_EQ(type.find(2)->type, ProtoType::kString);
}

TEST(Proto, CustomOptionsAreNotLookedAt) {
  EXPECT_TRUE(check_proto(R"(syntax = "proto3"; option java_package = "x";
    service S { rpc Get (A) returns (A) { option (google.api.http) = { get: "/v1/{name}" additional { a: < b: 1 > } }; } }
    message A { option (x).y = 5; string name = 1 [(rule) = "r", deprecated = true]; })"));
}

TEST(Proto, WhatTheLibraryWouldRecurseForIsRefused) {
  std::string package = "syntax = \"proto3\"; package a";
  for (int i = 0; i < 100000; ++i) package += ".a";
  EXPECT_EQ(check_proto(package + ";").error().what, "the name of the package is too long");

  // Types that refer to one another in a long row are fine: nothing goes along it.
  std::string row = "syntax = \"proto3\";";
  for (int i = 0; i < 20000; ++i) {
    row += "message M" + std::to_string(i) + "{M" + std::to_string(i + 1) + " a=1;}";
  }
  EXPECT_TRUE(check_proto(row + "message M20000{}"));
  const std::string option =
      "import \"google/protobuf/descriptor.proto\";"
      "extend google.protobuf.FileOptions { M0 o = 50000; } option (o) = {};";
  EXPECT_TRUE(check_proto(row + "message M20000{}" + option));
}

TEST(Proto, WhatWouldTakeTooMuchIsRefused) {
  std::string ranges = "syntax = \"proto2\"; message M { reserved 1";
  for (int i = 3; i < 60000; i += 2) ranges += "," + std::to_string(i);
  EXPECT_EQ(check_proto(ranges + "; }").error().what, "too many ranges");

  std::string names = "syntax = \"proto3\"; ";
  for (int i = 0; i < 50; ++i) names += "message " + std::string(9000, 'a') + "{";
  for (int i = 1; i < 5000; ++i) names += "int32 f" + std::to_string(i) + "=" + std::to_string(i) + ";";
  EXPECT_EQ(check_proto(names + std::string(50, '}')).error().what, "the names are too long all in all");
}

TEST(Proto, DeepNestingIsRefusedAndNoStackIsLost) {
  std::string deep = "syntax = \"proto3\";";
  for (int i = 0; i < 100000; ++i) deep += "message M {";
  EXPECT_FALSE(check_proto(deep));
  // Ends of what never began count nothing.
  std::string behind_ends = "syntax = \"proto3\";" + std::string(40000, '}');
  for (int i = 0; i < 40000; ++i) behind_ends += "message a{";
  EXPECT_EQ(check_proto(behind_ends).error().what, check_proto(deep).error().what);
}

}  // namespace
}  // namespace apisix::format
