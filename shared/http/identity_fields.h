// The fields that name the consumer to an upstream, and how their names are compared.
// Whatever a client sends under one of them, in the head or behind the body, never reaches an upstream as if
// the gateway had said it.
#pragma once

#include <array>
#include <string_view>

#include "shared/http/header_map.h"

namespace apisix::http {

inline constexpr std::array<std::string_view, 3> kConsumerFields = {
    "X-Consumer-Username", "X-Credential-Identifier", "X-Consumer-Custom-ID"};

// X_Consumer_Username reads as X-Consumer-Username to many servers (CGI variables), X.Consumer.Username to
// some: without regard to case, and all punctuation is one character.
bool is_same_identity(std::string_view sent, std::string_view name);

// Of a name that a client sent: is it one of kConsumerFields?
bool is_consumer_field(std::string_view sent);
// All of them, in any spelling.
void remove_consumer_fields(HeaderMap& headers);

}  // namespace apisix::http
