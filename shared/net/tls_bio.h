// OpenSSL's view of a TlsWire.
#pragma once

struct bio_st;

namespace apisix::net {

class TlsWire;

// Reads from and writes to `wire`, which outlives it. To be given to an SSL object, which frees it.
bio_st* make_tls_bio(TlsWire& wire);

}  // namespace apisix::net
