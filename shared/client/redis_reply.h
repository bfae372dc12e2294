// RedisReply: one reply of a redis server, as a value. ReplyReader: replies out of a stream of bytes, with
// hiredis' parser behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::client {

struct RedisReply {
  enum class Kind : std::uint8_t { kNil, kInteger, kText, kError, kArray };

  Kind kind = Kind::kNil;
  std::int64_t integer = 0;
  std::string text{};  // bulk or status; of an error its message, code included ("MOVED 1 10.0.0.1:6379")
  std::vector<RedisReply> items{};

  bool is_nil() const { return kind == Kind::kNil; }
  bool is_error() const { return kind == Kind::kError; }
  bool is_array() const { return kind == Kind::kArray; }
  // An integer, or a text that is a number.
  std::optional<double> number() const;
  std::optional<std::int64_t> whole_number() const;
};

class ReplyReader {
 public:
  // A longer reply ends the connection: no command of the gateway asks for so much.
  static constexpr std::size_t kUnreadBytesMax = std::size_t{16} << 20;
  static constexpr int kItemsMax = 1 << 20;

  ReplyReader();
  ~ReplyReader();
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  base::Status feed(std::string_view bytes);
  // The next complete reply; none yet: empty. An Error: this is not what redis speaks.
  base::Result<std::unique_ptr<RedisReply>> next();

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace apisix::client
