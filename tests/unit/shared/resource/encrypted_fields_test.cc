#include "shared/resource/encrypted_fields.h"

#include <gtest/gtest.h>

namespace apisix::resource {
namespace {

using format::Json;

Json json(std::string_view text) {
  return format::parse_json(text).value();
}

const base::Keyring kKeyring({"edd1c9f0985e76a2"});

TEST(EncryptedFields, FollowsPathsThroughObjectsAndArrays) {
  const Json schema = json(R"({"encrypt_fields": ["password", "a.b.c", "tokens", "headers", "list.key"]})");
  const Json plain = json(R"({
    "password": "bar", "user": "bar",
    "a": {"b": {"c": "x", "d": "y"}},
    "tokens": ["one", 2, {"three": "3"}],
    "headers": {"h": "value", "n": 1},
    "list": [{"key": "k1"}, {"other": "k2"}, "text"]
  })");
  Json conf = plain;
  encrypt_fields(conf, schema, kKeyring);
  EXPECT_EQ(conf["password"], "77+NmbYqNfN+oLm0aX5akg==");
  EXPECT_EQ(conf["user"], "bar");
  EXPECT_EQ(conf["a"]["b"]["c"], kKeyring.encrypt("x"));
  EXPECT_EQ(conf["a"]["b"]["d"], "y");
  EXPECT_EQ(conf["tokens"][0], kKeyring.encrypt("one"));
  EXPECT_EQ(conf["tokens"][1], 2);
  EXPECT_EQ(conf["tokens"][2]["three"], "3");
  EXPECT_EQ(conf["headers"]["h"], kKeyring.encrypt("value"));
  EXPECT_EQ(conf["list"][0]["key"], kKeyring.encrypt("k1"));
  EXPECT_EQ(conf["list"][1]["other"], "k2");
  decrypt_fields(conf, schema, kKeyring);
  EXPECT_EQ(conf, plain);
}

TEST(EncryptedFields, WhatDoesNotDecryptStays) {
  const Json schema = json(R"({"encrypt_fields": ["password"]})");
  Json conf = json(R"({"password": "never encrypted"})");
  decrypt_fields(conf, schema, kKeyring);
  EXPECT_EQ(conf["password"], "never encrypted");
}

TEST(EncryptedFields, NothingHappensWithoutKeysOrWithoutAList) {
  Json conf = json(R"({"password": "bar"})");
  encrypt_fields(conf, json(R"({"encrypt_fields": ["password"]})"), base::Keyring());
  encrypt_fields(conf, json(R"({"type": "object"})"), kKeyring);
  EXPECT_EQ(conf["password"], "bar");
}

TEST(EncryptedFields, AConfigurationOfAnotherShapeIsLeftAlone) {
  const Json schema = json(R"({"encrypt_fields": ["a.b", "c"]})");
  for (const char* text : {"[]", "\"text\"", "null", R"({"a": 1, "c": true})", R"({"a": {"b": null}})"}) {
    Json conf = json(text);
    encrypt_fields(conf, schema, kKeyring);
    EXPECT_EQ(conf, json(text));
  }
}

}  // namespace
}  // namespace apisix::resource
