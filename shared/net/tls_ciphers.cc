#include "shared/net/tls_ciphers.h"

#include <algorithm>
#include <memory>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "shared/base/check.h"

namespace apisix::net {
namespace {

constexpr std::string_view kSeparators = ": ,;";

}  // namespace

base::Result<std::vector<std::string>> unknown_tls_ciphers(std::string_view list) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()),
                                                                  &SSL_CTX_free);
  CHECK(context != nullptr);
  const auto is_usable = [&context](std::string_view ciphers) {
    return SSL_CTX_set_cipher_list(context.get(), std::string(ciphers).c_str()) == 1;
  };
  std::vector<std::string> unknown;
  for (std::string_view rest = list; !rest.empty();) {
    const std::size_t end = std::min(rest.find_first_of(kSeparators), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // What is taken out or moved need not be there. Rules and lists of OpenSSL's own are no ciphers.
    if (name.empty() || std::string_view("!-+@").contains(name.front())) continue;
    if (name == "DEFAULT" || name == "COMPLEMENTOFDEFAULT" || name == "COMPLEMENTOFALL") continue;
    if (!is_usable(name)) unknown.emplace_back(name);
  }
  const bool is_good = is_usable(list);
  ERR_clear_error();
  if (!is_good) {
    std::string what = "OpenSSL has no cipher of this list for TLS 1.2 and below";
    for (const std::string& name : unknown)
      what += (&name == &unknown.front() ? ": it does not know " : ", ") + name;
    return base::invalid(what);
  }
  return unknown;
}

}  // namespace apisix::net
