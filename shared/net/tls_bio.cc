#include "shared/net/tls_bio.h"

#include <cerrno>

#include <openssl/bio.h>

#include "shared/base/check.h"
#include "shared/net/tls_wire.h"

namespace apisix::net {
namespace {

TlsWire& wire_of(BIO* bio) {
  return *static_cast<TlsWire*>(BIO_get_data(bio));
}

int fail(const IoResult& result) {
  errno = result.error_number;
  return -1;
}

int read_records(BIO* bio, char* into, std::size_t size, std::size_t* got) {
  BIO_clear_retry_flags(bio);
  const IoResult result = wire_of(bio).receive({into, size});
  *got = result.bytes;
  switch (result.kind) {
    case IoResult::Kind::kDone:
      return 1;
    case IoResult::Kind::kAgain:
      BIO_set_retry_read(bio);
      return -1;
    case IoResult::Kind::kClosed:
      return 0;
    case IoResult::Kind::kError:
      break;
  }
  return fail(result);
}

int write_records(BIO* bio, const char* from, std::size_t size, std::size_t* taken) {
  BIO_clear_retry_flags(bio);
  const IoResult result = wire_of(bio).send({from, size});
  *taken = result.bytes;
  if (result.done()) return 1;
  if (result.kind != IoResult::Kind::kAgain) return fail(result);
  BIO_set_retry_write(bio);
  return -1;
}

long control(BIO* bio, int what, long, void*) {
  if (what == BIO_CTRL_EOF) return wire_of(bio).is_at_end() ? 1 : 0;
  return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP ? 1 : 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "TlsWire");
  CHECK(method != nullptr);
  BIO_meth_set_read_ex(method, &read_records);
  BIO_meth_set_write_ex(method, &write_records);
  BIO_meth_set_ctrl(method, &control);
  return method;
}

}  // namespace

bio_st* make_tls_bio(TlsWire& wire) {
  static const BIO_METHOD* const method = make_method();
  BIO* const bio = BIO_new(method);
  CHECK(bio != nullptr);
  BIO_set_data(bio, &wire);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace apisix::net
