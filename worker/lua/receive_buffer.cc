#include "worker/lua/receive_buffer.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace apisix::lua {
namespace {

// How many bytes at the end of `bytes` may be the beginning of `text`.
std::size_t begun(std::string_view bytes, std::string_view text) {
  for (std::size_t length = std::min(bytes.size(), text.size() - 1); length > 0; --length) {
    if (bytes.ends_with(text.substr(0, length))) return length;
  }
  return 0;
}

}  // namespace

std::span<char> ReceiveBuffer::room(std::size_t bytes) {
  if (start_ == bytes_.size()) {
    bytes_.clear();
    start_ = 0;
  } else if (start_ > bytes_.size() / 2) {
    bytes_.erase(0, std::exchange(start_, 0));
  }
  committed_ = bytes_.size();
  bytes_.resize_and_overwrite(committed_ + bytes, [](char*, std::size_t size) { return size; });
  return std::span(bytes_).subspan(committed_);
}

void ReceiveBuffer::commit(std::size_t bytes) {
  bytes_.resize(committed_ + bytes);
}

void ReceiveBuffer::append(std::string_view bytes) {
  const auto into = room(bytes.size());
  std::memcpy(into.data(), bytes.data(), bytes.size());
  commit(bytes.size());
}

void ReceiveBuffer::release_if_empty() {
  if (!empty()) return;
  start_ = 0;
  bytes_.clear();
  bytes_.shrink_to_fit();
}

ReceivePattern ReceivePattern::until(std::shared_ptr<UntilPattern> pattern, std::size_t bytes) {
  ReceivePattern made(Kind::kUntil, bytes);
  made.until_ = std::move(pattern);
  return made;
}

std::optional<std::string_view> ReceivePattern::take(ReceiveBuffer& buffer) {
  switch (kind_) {
    case Kind::kLine:
      return take_line(buffer);
    case Kind::kUntil:
      return take_until(buffer);
    case Kind::kAll:
      return std::nullopt;
    case Kind::kSize:
      if (buffer.size() < bytes_) return std::nullopt;
      break;
    case Kind::kAny:
      if (buffer.empty()) return std::nullopt;
      break;
  }
  const std::string_view taken = buffer.view().substr(0, bytes_);
  buffer.drop(taken.size());
  return taken;
}

std::string_view ReceivePattern::take_rest(ReceiveBuffer& buffer) {
  const std::string_view rest = buffer.view();
  buffer.drop(rest.size());
  return kind_ == Kind::kLine ? without_returns(rest) : rest;
}

std::optional<std::string_view> ReceivePattern::take_line(ReceiveBuffer& buffer) {
  const std::string_view bytes = buffer.view();
  const auto end = bytes.find('\n', scanned_);
  if (end == std::string_view::npos) {
    scanned_ = bytes.size();
    return std::nullopt;
  }
  buffer.drop(end + 1);
  return without_returns(bytes.substr(0, end));
}

// OpenResty takes every CR out of a line, wherever it is.
std::string_view ReceivePattern::without_returns(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.find('\r') == std::string_view::npos) return line;
  filtered_.clear();
  std::ranges::copy_if(line, std::back_inserter(filtered_), [](char c) { return c != '\r'; });
  return filtered_;
}

std::optional<std::string_view> ReceivePattern::take_until(ReceiveBuffer& buffer) {
  const std::string_view bytes = buffer.view();
  const std::string_view text = until_->text;
  const auto end = bytes.find(text, scanned_);
  const bool is_found = end != std::string_view::npos;
  const std::size_t in_front = is_found ? end : bytes.size() - begun(bytes, text);
  if (bytes_ > 0 && in_front >= bytes_) {
    buffer.drop(bytes_);
    return bytes.substr(0, bytes_);
  }
  if (!is_found) {
    scanned_ = in_front;
    return std::nullopt;
  }
  buffer.drop(end + text.size());
  until_->ended = bytes_ > 0;
  return bytes.substr(0, until_->inclusive ? end + text.size() : end);
}

}  // namespace apisix::lua
