#include "shared/format/proto.h"

#include <string>

#include <fmt/format.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "shared/base/base64.h"

namespace apisix::format {
namespace {

namespace pb = google::protobuf;

constexpr const char* kFileName = "content.proto";
constexpr int kNestingMax = 64;

class FirstError final : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  const std::string& text() const { return text_; }

  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) text_ = fmt::format("{}:{}: {}", line + 1, column + 1, message);
  }
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (text_.empty()) text_ = element + ": " + message;
  }

 private:
  std::string text_;
};

// The parser calls itself for each level and has no limit of its own.
bool nests_too_deep(std::string_view content) {
  FirstError ignored;
  pb::io::ArrayInputStream stream(content.data(), static_cast<int>(content.size()));
  pb::io::Tokenizer tokenizer(&stream, &ignored);
  int depth = 0;
  while (tokenizer.Next()) {
    const std::string& token = tokenizer.current().text;
    if (token == "{" && ++depth > kNestingMax) return true;
    if (token == "}") --depth;
  }
  return false;
}

base::Status check_text(std::string_view content) {
  if (nests_too_deep(content)) return base::invalid(fmt::format("more than {} levels of {{}}", kNestingMax));
  const pb::LogSilencer no_warnings_to_stderr;
  FirstError error;
  pb::FileDescriptorProto file;
  pb::io::ArrayInputStream stream(content.data(), static_cast<int>(content.size()));
  pb::io::Tokenizer tokenizer(&stream, &error);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&error);
  const bool is_proto = parser.Parse(&tokenizer, &file);
  if (!is_proto || !error.text().empty()) {
    return base::invalid(error.text().empty() ? "not a .proto file" : error.text());
  }
  file.set_name(kFileName);
  // Below it are the well-known types: google/protobuf/timestamp.proto and its kin may be imported.
  pb::DescriptorPool pool(pb::DescriptorPool::generated_pool());
  if (pool.BuildFileCollectingErrors(file, &error) == nullptr) return base::invalid(error.text());
  return {};
}

bool is_descriptor_set(std::string_view content) {
  const auto bytes = base::decode_base64(content);
  pb::FileDescriptorSet set;
  return bytes && set.ParseFromString(*bytes) && set.file_size() > 0;
}

}  // namespace

base::Status check_proto(std::string_view content) {
  auto status = check_text(content);
  if (status || is_descriptor_set(content)) return {};
  return status;
}

}  // namespace apisix::format
