#include "shared/client/redis_reply.h"

#include <hiredis/read.h>

#include "shared/base/check.h"
#include "shared/base/text.h"

namespace apisix::client {
namespace {

// hiredis builds the tree through these: an item goes to its place in the array that is being read.
RedisReply* place_of(const redisReadTask* task) {
  if (task->parent == nullptr) return new RedisReply;
  return &static_cast<RedisReply*>(task->parent->obj)->items[static_cast<std::size_t>(task->idx)];
}

void* create_text(const redisReadTask* task, char* text, std::size_t bytes) {
  RedisReply* reply = place_of(task);
  reply->kind = task->type == REDIS_REPLY_ERROR ? RedisReply::Kind::kError : RedisReply::Kind::kText;
  reply->text.assign(text, bytes);
  return reply;
}

void* create_array(const redisReadTask* task, int items) {
  if (items > ReplyReader::kItemsMax) return nullptr;
  RedisReply* reply = place_of(task);
  reply->kind = RedisReply::Kind::kArray;
  reply->items.resize(static_cast<std::size_t>(items));
  return reply;
}

void* create_integer(const redisReadTask* task, long long integer) {
  RedisReply* reply = place_of(task);
  reply->kind = RedisReply::Kind::kInteger;
  reply->integer = integer;
  return reply;
}

void* create_nil(const redisReadTask* task) {
  return place_of(task);
}

void free_root(void* reply) {
  delete static_cast<RedisReply*>(reply);
}

redisReplyObjectFunctions functions{create_text, create_array, create_integer, create_nil, free_root};

base::Error broken(std::string_view what) {
  return {base::ErrorCode::kClosed, base::ErrorSource::kUpstream, false, std::string(what)};
}

}  // namespace

std::optional<double> RedisReply::number() const {
  if (kind == Kind::kInteger) return static_cast<double>(integer);
  return kind == Kind::kText ? base::parse_double(text) : std::nullopt;
}

std::optional<std::int64_t> RedisReply::whole_number() const {
  if (kind == Kind::kInteger) return integer;
  return kind == Kind::kText ? base::parse_integer<std::int64_t>(text) : std::nullopt;
}

struct ReplyReader::Parser {
  redisReader* reader = redisReaderCreateWithFunctions(&functions);

  Parser() { CHECK(reader != nullptr); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;
  ~Parser() { redisReaderFree(reader); }
};

ReplyReader::ReplyReader() : parser_(std::make_unique<Parser>()) {}
ReplyReader::~ReplyReader() = default;

base::Status ReplyReader::feed(std::string_view bytes) {
  redisReader* reader = parser_->reader;
  if (reader->len - reader->pos + bytes.size() > kUnreadBytesMax) {
    return std::unexpected(broken("the reply is too long"));
  }
  if (redisReaderFeed(reader, bytes.data(), bytes.size()) != 0)
    return std::unexpected(broken(reader->errstr));
  return {};
}

base::Result<std::unique_ptr<RedisReply>> ReplyReader::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(parser_->reader, &reply) != 0)
    return std::unexpected(broken(parser_->reader->errstr));
  return std::unique_ptr<RedisReply>(static_cast<RedisReply*>(reply));
}

}  // namespace apisix::client
