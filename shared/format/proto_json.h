// ProtoJson: a message of Protocol Buffers -> JSON text, by the rules of APISIX's transcoding: members are
// named as fields are declared and stand in that order, bytes are text as they are, well-known types are
// messages like others, a field of a oneof has another member beside it, the oneof's name, which names it.
//
// Written piece by piece, so that a long message takes several turns of the loop. A stack of messages, the
// innermost last; of each, where its fields lie in the bytes, sorted by field:
//
//   write() -> [kMore: call again] ... -> kDone | kBroken
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shared/format/proto_schema.h"

namespace apisix::format {

struct ProtoJsonOptions {
  // Beyond 32 bits; kNumber has 14 digits, as all numbers. kText is "#123", kHexText is "#0x7B".
  enum class Int64 : std::uint8_t { kNumber, kText, kHexText };
  // Fields that are absent: their defaults in messages of proto3 alone, in none, wherever one is defined; or
  // of proto3 the empty lists only. A field with presence has none.
  enum class Defaults : std::uint8_t { kProto3, kNone, kAll, kLists };

  Int64 int64 = Int64::kNumber;
  Defaults defaults = Defaults::kProto3;
  bool enum_as_number = false;
};

class ProtoJson {
 public:
  enum class State : std::uint8_t { kMore, kDone, kBroken };

  // Fields of one message that are kept in mind at a time, 16 bytes for each; more is kBroken.
  static constexpr std::size_t kPiecesMax = std::size_t{1} << 21;

  // `type` and `bytes` outlive it.
  ProtoJson(const ProtoMessage& type, std::string_view bytes, ProtoJsonOptions options);

  // Appends JSON for about `bytes_max` of work.
  State write(std::string& out, std::size_t bytes_max);
  // What was kept in mind so far.
  std::size_t bytes_kept() const { return pieces_ * sizeof(Piece); }

 private:
  // One value on the wire, from behind its tag (behind the length, of bytes).
  struct Piece {
    const char* at;
    std::uint32_t size;
    std::uint32_t field : 29;  // index
    std::uint32_t wire : 3;
  };
  enum class Inside : std::uint8_t { kFields, kList, kMap };
  struct Frame {
    explicit Frame(const ProtoMessage& of) : type(&of) {}

    const ProtoMessage* type;
    std::vector<Piece> pieces;
    std::size_t next = 0;     // of pieces
    std::size_t field = 0;    // of the type
    std::string_view packed;  // rest of a packed list
    Inside inside = Inside::kFields;
    bool needs_comma = false;
  };

  // False: broken.
  bool push(const ProtoMessage& type, std::string_view bytes, std::string& out);
  bool index(Frame& frame, std::string_view bytes);
  bool step(std::string& out);
  bool begin_field(Frame& frame, std::string& out);
  bool write_last(Frame& frame, const ProtoField& field, std::string& out);
  bool next_element(Frame& frame, const ProtoField& field, std::string& out);
  bool next_entry(Frame& frame, const ProtoField& field, std::string& out);
  bool write_value(const ProtoField& field, std::string_view bytes, ProtoWire wire, std::string& out);
  bool write_scalar(const ProtoField& field, std::string_view& bytes, std::string& out);
  bool write_default_value(const ProtoField& field, std::string& out);
  void write_number(const ProtoField& field, std::uint64_t bits, std::string& out) const;
  void write_integer(std::uint64_t bits, bool is_negative, std::string& out) const;
  bool shows_default(const ProtoMessage& type, const ProtoField& field) const;

  const ProtoJsonOptions options_;
  std::vector<Frame> frames_;
  std::string_view bytes_;
  const ProtoMessage* root_;  // null: begun
  std::size_t pieces_ = 0;
  std::size_t work_ = 0;
  bool is_broken_ = false;
};

}  // namespace apisix::format
