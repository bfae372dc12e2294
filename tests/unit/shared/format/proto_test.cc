#include "shared/format/proto.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

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

TEST(Proto, DeepNestingIsRefusedAndNoStackIsLost) {
  std::string deep = "syntax = \"proto3\";";
  for (int i = 0; i < 100000; ++i) deep += "message M {";
  EXPECT_FALSE(check_proto(deep));
}

}  // namespace
}  // namespace apisix::format
