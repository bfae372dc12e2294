#include "shared/net/tls_facts.h"

#include <array>
#include <cstdint>
#include <vector>

#include <fmt/format.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include "shared/base/text.h"

namespace apisix::net {
namespace {

// OpenSSL's mark of a group that it has no name for; the number on the wire is below it.
constexpr int kUnnamedGroup = TLSEXT_nid_unknown;

std::string group_text(int nid) {
  if (nid == NID_undef) return {};
  if ((nid & kUnnamedGroup) != 0) return fmt::format("{:#06x}", nid & 0xffff);
  const char* const name = OBJ_nid2sn(nid);
  return name != nullptr ? name : "";
}

void append_joined(std::string& list, std::string_view item) {
  if (!list.empty()) list += ':';
  list += item;
}

}  // namespace

std::string OpensslFacts::session_id() const {
  const SSL_SESSION* const session = SSL_get0_session(ssl_);
  if (session == nullptr) return {};
  unsigned bytes = 0;
  const unsigned char* const id = SSL_SESSION_get_id(session, &bytes);
  std::string out;
  for (unsigned i = 0; i < bytes; ++i) fmt::format_to(std::back_inserter(out), "{:02x}", id[i]);
  return out;
}

bool OpensslFacts::is_early() const {
  return SSL_get_early_data_status(ssl_) == SSL_EARLY_DATA_ACCEPTED && SSL_is_init_finished(ssl_) == 0;
}

std::string OpensslFacts::curve() const {
  return group_text(static_cast<int>(SSL_get_negotiated_group(ssl_)));
}

std::string OpensslFacts::client_curves() const {
  const long count = SSL_get1_groups(ssl_, nullptr);
  if (count <= 0) return {};
  std::vector<int> nids(static_cast<std::size_t>(count));
  SSL_get1_groups(ssl_, nids.data());
  std::string out;
  for (const int nid : nids) append_joined(out, group_text(nid));
  return out;
}

// Two bytes each, in the order of the client hello.
std::string OpensslFacts::client_ciphers() const {
  std::string out;
  const unsigned char* raw = nullptr;
  const std::size_t width = SSL_get0_raw_cipherlist(ssl_, nullptr);
  const std::size_t bytes = SSL_get0_raw_cipherlist(ssl_, &raw);
  for (std::size_t at = 0; width == 2 && at + width <= bytes; at += width) {
    const SSL_CIPHER* const cipher = SSL_CIPHER_find(ssl_, raw + at);
    append_joined(out, cipher != nullptr ? std::string(SSL_CIPHER_get_name(cipher))
                                         : fmt::format("0x{:02x}{:02x}", raw[at], raw[at + 1]));
  }
  return out;
}

}  // namespace apisix::net
