// RedisCommand: one command, already in the form that goes to the server (RESP2 array of bulk strings). It
// remembers the hash slot of its key, for clusters.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/client/redis_slot.h"

namespace apisix::client {

class RedisCommand {
 public:
  template <typename... Args>
  explicit RedisCommand(std::string_view name, const Args&... args) {
    add(name);
    (add(args), ...);
  }

  RedisCommand& add(std::string_view argument) {
    body_ += '$';
    add_number(argument.size());
    body_ += "\r\n";
    body_ += argument;
    body_ += "\r\n";
    ++arguments_;
    return *this;
  }
  template <std::integral Integer>
  RedisCommand& add(Integer number) {
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    return add(std::string_view(text.data(), end));
  }
  // The shortest text that reads back as the same number.
  RedisCommand& add(double number) {
    std::array<char, 32> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    return add(std::string_view(text.data(), end));
  }
  RedisCommand& add_key(std::string_view key) {
    slot_ = slot_of(key);
    return add(key);
  }

  void append_to(std::string& out) const {
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), arguments_).ptr;
    out += '*';
    out.append(text.data(), end);
    out += "\r\n";
    out += body_;
  }
  // Commands without a key go to any node: slot 0.
  std::uint16_t slot() const { return slot_; }

 private:
  void add_number(std::size_t number) {
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
    body_.append(text.data(), end);
  }

  std::string body_;
  unsigned arguments_ = 0;
  std::uint16_t slot_ = 0;
};

}  // namespace apisix::client
