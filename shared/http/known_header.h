// The header fields that the gateway itself looks at, by number. The parser finds the number once per
// field (a perfect hash of its first and last bytes, then two compares of words), so that all code behind
// it switches on integers and a miss is one test of a bit (header_set.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace apisix::http {

// At most HeaderSet::kSize with kUnknown: HeaderMap keeps one bit for each.
enum class KnownHeader : std::uint8_t {
  kUnknown,
  // Framing and connection: interpreted by the codec, written by the codec only.
  kHost,
  kConnection,
  kContentLength,
  kTransferEncoding,
  kExpect,
  kUpgrade,
  kTe,
  kTrailer,
  kKeepAlive,
  kProxyConnection,
  kHttp2Settings,  // kLastOfCodec
  // End to end.
  kProxyAuthenticate,
  kProxyAuthorization,
  kXForwardedFor,
  kXForwardedProto,
  kXForwardedHost,
  kXForwardedPort,
  kXForwardedUri,
  kXRealIp,
  kForwarded,
  kVia,
  kXRequestId,
  kCookie,
  kSetCookie,
  kUserAgent,
  kReferer,
  kOrigin,
  kAuthorization,
  kWwwAuthenticate,
  kAccept,
  kAcceptEncoding,
  kAcceptLanguage,
  kAcceptRanges,
  kContentType,
  kContentEncoding,
  kContentDisposition,
  kContentRange,
  kServer,
  kDate,
  kLocation,
  kRefresh,
  kVary,
  kEtag,
  kLastModified,
  kExpires,
  kCacheControl,
  kPragma,
  kAge,
  kAllow,
  kRange,
  kRetryAfter,
  kIfMatch,
  kIfNoneMatch,
  kIfModifiedSince,
  kIfUnmodifiedSince,
  kIfRange,
  kAccessControlAllowOrigin,
  kAccessControlRequestMethod,
  kXAccelBuffering,
  kSecWebsocketKey,
  kSecWebsocketAccept,
  kTraceparent,
  kApikey,
};
inline constexpr KnownHeader kLastOfCodec = KnownHeader::kHttp2Settings;
inline constexpr std::size_t kKnownHeaders = static_cast<std::size_t>(KnownHeader::kApikey) + 1;
// No name is longer.
inline constexpr std::size_t kKnownNameBytesMax = 32;

// The number of a field name, compared without case; kUnknown when it is none of the above. `name` may
// be any bytes.
KnownHeader identify_header(std::string_view name);
// Its usual spelling, "Content-Length"; "" for kUnknown.
std::string_view header_name(KnownHeader id);

}  // namespace apisix::http
