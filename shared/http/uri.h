// Request paths and query strings: nginx's normalisation of $uri, which is what APISIX matches routes and
// runs plugins on, and the escaping that brings a normalised path back to the wire.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shared/base/arena.h"

namespace apisix::http {

struct NormalizedPath {
  std::string_view path = {};  // decoded; begins with '/'. The raw view itself when nothing had to change
  // Dot segments were resolved or slashes merged: the path has other segments than the client wrote.
  bool changed_structure = false;
  // A %2F became a separator.
  bool decoded_slash = false;
};

// nginx's rules: %XX is decoded first, so %2F separates segments and %2e is a dot; "//" merges; "." and
// ".." segments are resolved; '#' and what follows is dropped. `raw_path` begins with '/' and has no query.
// Nothing for a malformed or truncated %XX, for NUL, escaped or not, and for ".." above the root: respond
// with 400.
std::optional<NormalizedPath> normalize_path(std::string_view raw_path, base::Arena& arena);

// A normalised path for the wire, as nginx escapes it (NGX_ESCAPE_URI): space " # % ? < > \ ^ ` { | },
// control characters, DEL and bytes from 0x80 become %XX. Returns `path` itself when nothing needs it.
std::string_view escape_path(std::string_view path, base::Arena& arena);
// For a name or value inside a query string (NGX_ESCAPE_ARGS): escape_path's and & + ;
std::string_view escape_args(std::string_view text, base::Arena& arena);
// Everything but letters, digits and - . _ ~ (ngx.escape_uri, ngx.encode_args).
std::string_view escape_component(std::string_view text, base::Arena& arena);
// Only control characters and DEL: a text that keeps its delimiters but cannot end the request line.
std::string_view escape_control(std::string_view text, base::Arena& arena);
// %XX decoded once, malformed escapes kept as they are (ngx.unescape_uri); '+' becomes a space when
// `plus_is_space`.
std::string_view unescape(std::string_view text, base::Arena& arena, bool plus_is_space = true);
// The same, '+' as a space, into `out`, which has room for text.size() bytes; returns the end of what it
// wrote.
char* unescape_to(std::string_view text, char* out);

// apisix.normalize_uri_like_servlet: drops ";parameters" of each segment. Nothing (respond with 400) for a
// segment that is ".", "..", "%2e", "%2e%2e" or, except the last, empty in front of its ';': those reach a
// servlet container as other paths than the ones matched here.
std::optional<std::string_view> normalize_like_servlet(std::string_view path, base::Arena& arena);

// apisix.delete_uri_tail_slash: without one slash at the end. "/" becomes "", as in APISIX.
std::string_view delete_tail_slash(std::string_view path);

// apisix.match_uri_encoded_slash: the path to match routes on, in which an encoded slash stays, as "%2F".
// Nothing when the raw path has none, or when decoding alone does not give `normalized` (dot segments,
// merged slashes, ...): then match on `normalized`.
std::optional<std::string_view> keep_encoded_slash(std::string_view raw_path, std::string_view normalized,
                                                   base::Arena& arena);

// The host of an "http:" or "https:" URI, or of a reference that begins with "//" (RFC 3986 3.2.2 and 4.2):
// as it is written, without user information, port, brackets and one dot at its end. Nothing: another scheme,
// no authority, or one that is not valid.
std::optional<std::string_view> find_uri_host(std::string_view uri);

struct QueryArg {
  std::string_view name = {};   // raw
  std::string_view value = {};  // raw; "" without '='
  bool has_value = false;       // there was a '='
};
// Takes the next argument off the front of `query`; arguments without a name are skipped, as OpenResty does.
std::optional<QueryArg> next_arg(std::string_view& query);
// The raw value of the first argument of that name, compared after decoding; "" when it has no '='.
std::optional<std::string_view> find_arg(std::string_view query, std::string_view name);

// All arguments decoded (name, value, has_value), at most `count_max`, in an array in the arena.
struct QueryArgs {
  const QueryArg* begin() const { return args; }
  const QueryArg* end() const { return args + size; }
  const QueryArg* args = nullptr;
  std::size_t size = 0;
};
QueryArgs decode_args(std::string_view query, base::Arena& arena, std::size_t count_max = 100);

}  // namespace apisix::http
