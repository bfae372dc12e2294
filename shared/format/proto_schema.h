// ProtoSchema: the messages, enums and methods of a proto object, as transcoding needs them: plain tables,
// made once by compile_proto() (proto.h) and immutable after it. Nothing of Protocol Buffers' library is
// kept: its descriptors take ten times the memory, and its dynamic messages one recursion for each level of
// types.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/counted.h"
#include "shared/base/text.h"

namespace apisix::format {

// Messages within one another that are read or written; what is deeper is refused. As JSON's kJsonDepthMax.
inline constexpr std::size_t kProtoDepthMax = 64;

enum class ProtoType : std::uint8_t {
  kDouble,
  kFloat,
  kInt32,
  kInt64,
  kUint32,
  kUint64,
  kSint32,
  kSint64,
  kFixed32,
  kFixed64,
  kSfixed32,
  kSfixed64,
  kBool,
  kEnum,
  kString,
  kBytes,
  kMessage,
  kGroup,  // of proto2; never read or written
};

// How a value is framed on the wire; the numbers are those of a tag.
enum class ProtoWire : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kBytes = 2,
  kStart = 3,
  kEnd = 4,
  kFixed32 = 5
};

constexpr ProtoWire wire_of(ProtoType type) {
  switch (type) {
    case ProtoType::kDouble:
    case ProtoType::kFixed64:
    case ProtoType::kSfixed64:
      return ProtoWire::kFixed64;
    case ProtoType::kFloat:
    case ProtoType::kFixed32:
    case ProtoType::kSfixed32:
      return ProtoWire::kFixed32;
    case ProtoType::kString:
    case ProtoType::kBytes:
    case ProtoType::kMessage:
      return ProtoWire::kBytes;
    case ProtoType::kGroup:
      return ProtoWire::kStart;
    default:
      return ProtoWire::kVarint;
  }
}

// Numbers and names of an enum; of several names with one number the first.
class ProtoEnum {
 public:
  void add(std::string name, std::int32_t number);

  const std::string* find_name(std::int32_t number) const;
  std::optional<std::int32_t> find_number(std::string_view name) const;

 private:
  std::unordered_map<std::int32_t, std::string> names_;
  std::unordered_map<std::string, std::int32_t, base::StringHash, std::equal_to<>> numbers_;
};

struct ProtoMessage;

struct ProtoField {
  std::string name;
  std::uint32_t number = 0;
  ProtoType type = ProtoType::kInt32;
  bool is_repeated = false;
  bool is_map = false;  // repeated, of messages whose first field is the key and whose second is the value
  bool is_packed = false;
  // Its absence is not the same as its default: it is written also when it is zero.
  bool has_presence = false;
  std::optional<std::size_t> oneof;        // index in the message's oneofs
  const ProtoMessage* message = nullptr;   // of kMessage; null: the type is not in the set
  const ProtoEnum* enumeration = nullptr;  // of kEnum
  // What the definition says (proto2): of numbers as they are on the wire, a signed one as 64 bits, a float
  // as a double's bits; of text in default_text.
  std::optional<std::uint64_t> default_bits;
  std::string default_text;
};

struct ProtoMessage {
  std::string name;  // with its package
  bool is_proto3 = false;
  std::vector<ProtoField> fields;  // as declared
  std::vector<std::string> oneofs;
  std::unordered_map<std::uint32_t, std::size_t> by_number;  // index in fields

  const ProtoField* find(std::uint32_t number) const {
    const auto found = by_number.find(number);
    return found != by_number.end() ? &fields[found->second] : nullptr;
  }
};

struct ProtoMethod {
  const ProtoMessage* request = nullptr;
  const ProtoMessage* response = nullptr;
  bool streams_requests = false;
  bool streams_responses = false;
};

class ProtoSchema : public base::Counted<ProtoSchema> {
 public:
  // `service` with its package; null: there is none.
  const ProtoMethod* find_method(std::string_view service, std::string_view method) const;
  // By its name with the package; a dot in front is allowed. Null: there is none.
  const ProtoMessage* find_message(std::string_view name) const;

  // --- for who builds it. What add_message() and add_enum() return stays where it is.
  ProtoMessage& add_message(std::string name);
  ProtoEnum& add_enum() { return enums_.emplace_back(); }
  void add_method(std::string_view service, std::string_view method, const ProtoMethod& signature);

 private:
  template <typename Value>
  using ByName = std::unordered_map<std::string, Value, base::StringHash, std::equal_to<>>;

  std::deque<ProtoMessage> messages_;
  std::deque<ProtoEnum> enums_;
  ByName<const ProtoMessage*> by_name_;
  ByName<ProtoMethod> methods_;  // "package.Service/Method"
};

}  // namespace apisix::format
