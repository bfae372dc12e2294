#include "shared/format/proto.h"

#include <bit>
#include <exception>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>

#include "shared/base/base64.h"
#include "shared/format/proto_schema.h"

namespace apisix::format {
namespace {

namespace pb = google::protobuf;

constexpr const char* kFileName = "content.proto";
// Brackets of a text within one another, and messages of a set: the library recurses for each.
constexpr int kNestingMax = 64;
// The library recurses for each dot of a package, and for each file that imports publicly.
constexpr std::size_t kPackageBytesMax = 512;
constexpr int kFilesMax = 2000;
// It compares each range of numbers with each other one of the message.
constexpr int kRangesMax = 1000;
// Bytes of all full names: the library keeps one for each field, with the names of all messages around it.
// The largest sets that are published (all of googleapis) have 20 MB.
constexpr std::size_t kNameBytesMax = std::size_t{32} << 20;

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
    if (token == "}" && depth > 0) --depth;  // the parser goes on behind one that closes nothing
  }
  return false;
}

// Custom options have no use here, and interpreting them recurses along the types of their messages.
template <typename Descriptor>
void drop_custom_options(Descriptor& descriptor) {
  if (!descriptor.has_options()) return;
  auto* options = descriptor.mutable_options();
  auto* written = options->mutable_uninterpreted_option();
  for (int i = written->size() - 1; i >= 0; --i) {
    const auto& option = written->Get(i);
    if (option.name_size() != 1 || option.name(0).is_extension() || option.has_aggregate_value()) {
      written->DeleteSubrange(i, 1);
    }
  }
  options->DiscardUnknownFields();
}

// Walks over a file before the library does: takes out what it must not meet, and counts what it would do too
// much for.
class FileCheck {
 public:
  base::Status run(pb::FileDescriptorProto& file) {
    if (file.package().size() > kPackageBytesMax) return base::invalid("the name of the package is too long");
    drop_custom_options(file);
    file.clear_source_code_info();
    const std::size_t scope = file.package().size();
    for (auto& message : *file.mutable_message_type()) visit(message, scope, 1);
    for (auto& one : *file.mutable_enum_type()) visit(one, scope);
    for (auto& field : *file.mutable_extension()) visit(field, scope);
    for (auto& service : *file.mutable_service()) visit(service, scope);
    if (fault_ != nullptr) return base::invalid(fault_);
    if (name_bytes_ > kNameBytesMax) return base::invalid("the names are too long all in all");
    return {};
  }

 private:
  std::size_t note_name(const std::string& name, std::size_t scope) {
    const std::size_t size = scope + 1 + name.size();
    name_bytes_ += size;
    return size;
  }

  void visit(pb::DescriptorProto& message, std::size_t scope, int depth) {
    const std::size_t inner = note_name(message.name(), scope);
    drop_custom_options(message);
    if (depth > kNestingMax) fault_ = "messages are nested too deep";
    if (message.extension_range_size() + message.reserved_range_size() > kRangesMax)
      fault_ = "too many ranges";
    if (fault_ != nullptr) return;
    for (auto& range : *message.mutable_extension_range()) range.clear_options();
    for (auto& field : *message.mutable_field()) visit(field, inner);
    for (auto& field : *message.mutable_extension()) visit(field, inner);
    for (auto& oneof : *message.mutable_oneof_decl()) {
      note_name(oneof.name(), inner);
      drop_custom_options(oneof);
    }
    for (auto& one : *message.mutable_enum_type()) visit(one, inner);
    for (auto& nested : *message.mutable_nested_type()) visit(nested, inner, depth + 1);
  }

  void visit(pb::FieldDescriptorProto& field, std::size_t scope) {
    note_name(field.name(), scope);
    drop_custom_options(field);
  }

  void visit(pb::EnumDescriptorProto& one, std::size_t scope) {
    const std::size_t inner = note_name(one.name(), scope);
    drop_custom_options(one);
    if (one.reserved_range_size() > kRangesMax) fault_ = "too many ranges";
    for (auto& value : *one.mutable_value()) {
      note_name(value.name(), inner);
      drop_custom_options(value);
    }
  }

  void visit(pb::ServiceDescriptorProto& service, std::size_t scope) {
    const std::size_t inner = note_name(service.name(), scope);
    drop_custom_options(service);
    for (auto& method : *service.mutable_method()) {
      note_name(method.name(), inner);
      drop_custom_options(method);
    }
  }

  std::size_t name_bytes_ = 0;
  const char* fault_ = nullptr;
};

// The files of a set, in the order in which they can be built.
class Files {
 public:
  base::Status add(pb::FileDescriptorProto file) {
    if (files_.size() >= kFilesMax) return base::invalid("too many files");
    const auto [at, added] = files_.try_emplace(file.name());
    if (!added) return base::invalid(fmt::format("{}: this file is in the set twice", file.name()));
    at->second = std::move(file);
    given_.push_back(&at->second);
    return {};
  }

  // A file stands behind those that it imports; google/protobuf/*.proto are added where they are imported.
  base::Result<std::vector<const pb::FileDescriptorProto*>> in_order() {
    std::vector<const pb::FileDescriptorProto*> order;
    for (const pb::FileDescriptorProto* file : given_) {
      if (auto status = place(*file, order); !status) return std::unexpected(status.error());
    }
    return order;
  }

 private:
  struct Visit {
    const pb::FileDescriptorProto* file;
    int imports_done = 0;
  };

  base::Status place(const pb::FileDescriptorProto& file,
                     std::vector<const pb::FileDescriptorProto*>& order) {
    std::vector<Visit> path;
    if (begun_.insert(&file).second) path.push_back({&file});
    while (!path.empty()) {
      Visit& top = path.back();
      if (top.imports_done == top.file->dependency_size()) {
        order.push_back(top.file);
        placed_.insert(top.file);
        path.pop_back();
        continue;
      }
      const pb::FileDescriptorProto* next = find(top.file->dependency(top.imports_done++));
      if (next == nullptr || placed_.contains(next)) continue;
      if (!begun_.insert(next).second) return base::invalid(next->name() + ": files import each other");
      path.push_back({next});
    }
    return {};
  }

  const pb::FileDescriptorProto* find(const std::string& name) {
    if (const auto found = files_.find(name); found != files_.end()) return &found->second;
    if (!name.starts_with("google/protobuf/")) return nullptr;
    const pb::FileDescriptor* known = pb::DescriptorPool::generated_pool()->FindFileByName(name);
    if (known == nullptr) return nullptr;
    pb::FileDescriptorProto& copy = files_[name];
    known->CopyTo(&copy);
    return &copy;
  }

  std::map<std::string, pb::FileDescriptorProto> files_;
  std::vector<const pb::FileDescriptorProto*> given_;
  std::set<const pb::FileDescriptorProto*> begun_;
  std::set<const pb::FileDescriptorProto*> placed_;
};

// --- the library's descriptors -> tables

// The same names as in ProtoType, in another order.
ProtoType type_of(pb::FieldDescriptor::Type type) {
  using Type = pb::FieldDescriptor::Type;
  static constexpr std::pair<Type, ProtoType> kTypes[] = {
      {Type::TYPE_DOUBLE, ProtoType::kDouble},     {Type::TYPE_FLOAT, ProtoType::kFloat},
      {Type::TYPE_INT32, ProtoType::kInt32},       {Type::TYPE_INT64, ProtoType::kInt64},
      {Type::TYPE_UINT32, ProtoType::kUint32},     {Type::TYPE_UINT64, ProtoType::kUint64},
      {Type::TYPE_SINT32, ProtoType::kSint32},     {Type::TYPE_SINT64, ProtoType::kSint64},
      {Type::TYPE_FIXED32, ProtoType::kFixed32},   {Type::TYPE_FIXED64, ProtoType::kFixed64},
      {Type::TYPE_SFIXED32, ProtoType::kSfixed32}, {Type::TYPE_SFIXED64, ProtoType::kSfixed64},
      {Type::TYPE_BOOL, ProtoType::kBool},         {Type::TYPE_ENUM, ProtoType::kEnum},
      {Type::TYPE_STRING, ProtoType::kString},     {Type::TYPE_BYTES, ProtoType::kBytes},
      {Type::TYPE_MESSAGE, ProtoType::kMessage}};
  for (const auto& [theirs, ours] : kTypes) {
    if (theirs == type) return ours;
  }
  return ProtoType::kGroup;
}

std::uint64_t default_bits(const pb::FieldDescriptor& field) {
  using Kind = pb::FieldDescriptor::CppType;
  const auto widened = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_INT32:
      return widened(field.default_value_int32());
    case Kind::CPPTYPE_INT64:
      return widened(field.default_value_int64());
    case Kind::CPPTYPE_UINT32:
      return field.default_value_uint32();
    case Kind::CPPTYPE_UINT64:
      return field.default_value_uint64();
    case Kind::CPPTYPE_DOUBLE:
      return std::bit_cast<std::uint64_t>(field.default_value_double());
    case Kind::CPPTYPE_FLOAT:
      return std::bit_cast<std::uint64_t>(static_cast<double>(field.default_value_float()));
    case Kind::CPPTYPE_BOOL:
      return field.default_value_bool() ? 1 : 0;
    case Kind::CPPTYPE_ENUM:
      return widened(field.default_value_enum()->number());
    default:
      return 0;
  }
}

class SchemaBuilder {
 public:
  void declare(const pb::FileDescriptor& file) {
    for (int i = 0; i < file.enum_type_count(); ++i) declare(*file.enum_type(i));
    for (int i = 0; i < file.message_type_count(); ++i) declare(*file.message_type(i));
  }

  // Behind declare() of all files.
  void fill(const pb::FileDescriptor& file) {
    for (int i = 0; i < file.service_count(); ++i) add(*file.service(i));
  }

  base::Ref<const ProtoSchema> take() {
    for (const auto& [theirs, ours] : messages_) fill(*theirs, *ours);
    return base::Ref<const ProtoSchema>(schema_.get());
  }

 private:
  void declare(const pb::EnumDescriptor& theirs) {
    ProtoEnum& ours = schema_->add_enum();
    for (int i = 0; i < theirs.value_count(); ++i)
      ours.add(theirs.value(i)->name(), theirs.value(i)->number());
    enums_.emplace(&theirs, &ours);
  }

  void declare(const pb::Descriptor& theirs) {
    ProtoMessage& ours = schema_->add_message(theirs.full_name());
    ours.is_proto3 = theirs.file()->syntax() == pb::FileDescriptor::SYNTAX_PROTO3;
    messages_.emplace(&theirs, &ours);
    for (int i = 0; i < theirs.enum_type_count(); ++i) declare(*theirs.enum_type(i));
    for (int i = 0; i < theirs.nested_type_count(); ++i) declare(*theirs.nested_type(i));
  }

  void fill(const pb::Descriptor& theirs, ProtoMessage& ours) {
    for (int i = 0; i < theirs.real_oneof_decl_count(); ++i)
      ours.oneofs.push_back(theirs.oneof_decl(i)->name());
    for (int i = 0; i < theirs.field_count(); ++i) {
      ours.by_number.emplace(static_cast<std::uint32_t>(theirs.field(i)->number()), ours.fields.size());
      ours.fields.push_back(field_of(*theirs.field(i)));
    }
  }

  ProtoField field_of(const pb::FieldDescriptor& theirs) {
    ProtoField ours;
    ours.name = theirs.name();
    ours.number = static_cast<std::uint32_t>(theirs.number());
    ours.type = type_of(theirs.type());
    ours.is_repeated = theirs.is_repeated();
    ours.is_map = theirs.is_map();
    ours.is_packed = theirs.is_packed();
    ours.has_presence = theirs.has_presence();
    if (const auto* oneof = theirs.real_containing_oneof())
      ours.oneof = static_cast<std::size_t>(oneof->index());
    if (const auto* message = theirs.message_type()) ours.message = find(messages_, message);
    if (const auto* one = theirs.enum_type()) ours.enumeration = find(enums_, one);
    if (theirs.has_default_value()) {
      ours.default_bits = default_bits(theirs);
      if (theirs.cpp_type() == pb::FieldDescriptor::CPPTYPE_STRING)
        ours.default_text = theirs.default_value_string();
    }
    return ours;
  }

  void add(const pb::ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      const pb::MethodDescriptor& method = *service.method(i);
      schema_->add_method(service.full_name(), method.name(),
                          {.request = find(messages_, method.input_type()),
                           .response = find(messages_, method.output_type()),
                           .streams_requests = method.client_streaming(),
                           .streams_responses = method.server_streaming()});
    }
  }

  // Null: a type that is not in the set.
  template <typename Theirs, typename Ours>
  static const Ours* find(const std::unordered_map<const Theirs*, Ours*>& known, const Theirs* wanted) {
    const auto found = known.find(wanted);
    return found != known.end() ? found->second : nullptr;
  }

  base::Ref<ProtoSchema> schema_ = base::make_counted<ProtoSchema>();
  std::unordered_map<const pb::Descriptor*, ProtoMessage*> messages_;
  std::unordered_map<const pb::EnumDescriptor*, ProtoEnum*> enums_;
};

using Compiled = base::Result<base::Ref<const ProtoSchema>>;

Compiled build(Files& files, bool allows_unknown_types) {
  const auto order = files.in_order();
  if (!order) return std::unexpected(order.error());
  pb::DescriptorPool pool;
  if (allows_unknown_types) pool.AllowUnknownDependencies();
  std::vector<const pb::FileDescriptor*> built;
  for (const pb::FileDescriptorProto* file : *order) {
    FirstError error;
    built.push_back(pool.BuildFileCollectingErrors(*file, &error));
    if (built.back() == nullptr)
      return base::invalid(error.text().empty() ? "it cannot be built" : error.text());
  }
  SchemaBuilder schema;
  for (const auto* file : built) schema.declare(*file);
  for (const auto* file : built) schema.fill(*file);
  return schema.take();
}

Compiled compile_text(std::string_view content) {
  if (nests_too_deep(content)) return base::invalid(fmt::format("more than {} levels of {{}}", kNestingMax));
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
  Files files;
  if (auto status = FileCheck().run(file); !status) return std::unexpected(status.error());
  if (auto status = files.add(std::move(file)); !status) return std::unexpected(status.error());
  return build(files, /*allows_unknown_types=*/false);
}

// Nothing: it is no base64 of a set.
std::optional<Compiled> compile_set(std::string_view content) {
  const auto bytes = base::decode_base64(content);
  pb::FileDescriptorSet set;
  if (!bytes || !set.ParseFromString(*bytes) || set.file_size() == 0) return std::nullopt;
  Files files;
  FileCheck check;
  for (pb::FileDescriptorProto& file : *set.mutable_file()) {
    if (auto status = check.run(file); !status) return std::unexpected(status.error());
    if (auto status = files.add(std::move(file)); !status) return std::unexpected(status.error());
  }
  return build(files, /*allows_unknown_types=*/true);
}

}  // namespace

base::Result<base::Ref<const ProtoSchema>> compile_proto(std::string_view content) {
  const pb::LogSilencer no_warnings_to_stderr;
  // What the library takes for a broken invariant of its own it throws (pb::FatalException).
  try {
    auto text = compile_text(content);
    if (text) return text;
    auto set = compile_set(content);
    return set ? *std::move(set) : text;
  } catch (const std::exception& error) {
    return base::invalid(std::string("it cannot be compiled: ") + error.what());
  }
}

base::Status check_proto(std::string_view content) {
  auto compiled = compile_proto(content);
  return compiled ? base::Status{} : std::unexpected(compiled.error());
}

}  // namespace apisix::format
