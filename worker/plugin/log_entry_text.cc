#include "worker/plugin/log_entry_text.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <tuple>

#include "shared/base/text.h"
#include "shared/base/version.h"
#include "shared/format/json_text.h"
#include "shared/http/uri.h"
#include "worker/plugin/variables.h"

namespace apisix::plugin {
namespace {

// One object of the text: braces, commas, names.
class EntryObject {
 public:
  explicit EntryObject(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  // The value is the caller's to append.
  std::string& member(std::string_view name) {
    begin();
    (out_ += '"').append(name).append("\":");
    return out_;
  }
  // One whose name others chose.
  std::string& foreign_member(std::string_view name) {
    begin();
    format::append_json_text(out_, name);
    return out_ += ':';
  }
  void add(std::string_view name, std::string_view value) { format::append_json_text(member(name), value); }
  void add(std::string_view name, double value) { format::append_json_number(member(name), value); }
  void add(std::string_view name, std::uint64_t value) {
    char digits[24];
    member(name).append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }

 private:
  void begin() {
    if (has_members_) out_ += ',';
    has_members_ = true;
  }

  std::string& out_;
  bool has_members_ = false;
};

// A field of a head, or an argument of a query: of several of one name the values are an array, in their
// order.
struct EntryPair {
  std::string_view name;
  std::string_view value;
  std::size_t place;
  bool is_flag;  // an argument without a value: true
};

void append_entry_pair_value(std::string& out, const EntryPair& pair) {
  if (pair.is_flag) {
    out += "true";
  } else {
    format::append_json_text(out, pair.value);
  }
}

void append_entry_pairs(std::string& out, std::span<EntryPair> pairs) {
  std::ranges::sort(pairs, [](const EntryPair& a, const EntryPair& b) {
    return std::tie(a.name, a.place) < std::tie(b.name, b.place);
  });
  EntryObject object(out);
  for (std::size_t at = 0; at < pairs.size();) {
    std::size_t end = at + 1;
    while (end < pairs.size() && pairs[end].name == pairs[at].name) ++end;
    object.foreign_member(pairs[at].name);
    const bool is_list = end - at > 1;
    if (is_list) out += '[';
    for (std::size_t first = at; at < end; ++at) {
      if (at != first) out += ',';
      append_entry_pair_value(out, pairs[at]);
    }
    if (is_list) out += ']';
  }
  object.end();
}

// Room for `count` pairs in the arena.
std::span<EntryPair> pair_room(base::Arena& arena, std::size_t count) {
  return {static_cast<EntryPair*>(arena.allocate(count * sizeof(EntryPair), alignof(EntryPair))), count};
}

std::string_view lower_name(std::string_view name, base::Arena& arena) {
  char* out = arena.text(name.size());
  std::ranges::transform(name, out, [](char c) { return base::to_lower(c); });
  return {out, name.size()};
}

// `host`: what stands for a Host field that is not there; empty: nothing does.
void append_entry_headers(std::string& out, const http::HeaderMap& headers, std::string_view host,
                          base::Arena& arena) {
  const std::span<EntryPair> pairs = pair_room(arena, headers.size() + 1);
  std::size_t count = 0;
  for (const http::HeaderField& field : headers) {
    pairs[count] = {lower_name(field.name, arena), field.value, count, false};
    ++count;
  }
  if (!host.empty() && !headers.has(http::KnownHeader::kHost)) {
    pairs[count] = {"host", host, count, false};
    ++count;
  }
  append_entry_pairs(out, pairs.first(count));
}

void append_entry_query(std::string& out, RequestState& request) {
  const http::QueryArgs args = http::decode_args(request.target.args, request.arena);
  const std::span<EntryPair> pairs = pair_room(request.arena, args.size);
  std::size_t count = 0;
  for (const http::QueryArg& arg : args) {
    pairs[count] = {arg.name, arg.value, count, !arg.has_value};
    ++count;
  }
  append_entry_pairs(out, pairs.first(count));
}

std::string_view entry_variable(RequestState& request, route::VariableKind kind) {
  return Variables(request).read({.kind = kind, .detail = {}}).value_or("");
}

void append_entry_request(std::string& out, RequestState& request, std::string_view body) {
  const std::string_view uri = entry_variable(request, route::VariableKind::kRequestUri);
  char port[8];
  const std::string_view port_text(
      port, std::to_chars(port, port + sizeof port, request.client.connection->local_port).ptr);
  EntryObject in(out);
  if (!body.empty()) in.add("body", body);
  append_entry_headers(in.member("headers"), request.head->headers, request.head->authority, request.arena);
  in.add("method", request.head->method_text);
  append_entry_query(in.member("querystring"), request);
  in.add("size", request.received.bytes);
  in.add("uri", uri);
  in.add("url", request.arena.concat(request.scheme(), std::string_view("://"), request.target.host,
                                     std::string_view(":"), port_text, uri));
  in.end();
}

void append_entry_response(std::string& out, RequestState& request, std::optional<std::string_view> body) {
  EntryObject response(out);
  if (body) response.add("body", *body);
  append_entry_headers(response.member("headers"), request.response.headers, {}, request.arena);
  response.add("size", request.response.bytes_sent);
  response.add("status", std::uint64_t{request.response.status});
  response.end();
}

void append_entry_server(std::string& out, RequestState& request) {
  EntryObject server(out);
  server.add("hostname", entry_variable(request, route::VariableKind::kHostname));
  server.add("version", base::kCompatibleVersion);
  server.end();
}

void append_entry_consumer(std::string& out, const Consumer& found) {
  EntryObject consumer(out);
  consumer.add("username", found.username);
  consumer.end();
}

// What the tries of nodes took together.
double upstream_latency_ms(const RequestState& request) {
  double total = 0;
  for (const Attempt* attempt = request.attempts.first; attempt != nullptr; attempt = attempt->next) {
    if (attempt->response_us > 0) total += static_cast<double>(attempt->response_us) / 1000;
  }
  return total;
}

}  // namespace

std::string full_entry(RequestState& request, const EntryTexts& texts) {
  const bool has_upstream = request.attempts.first != nullptr;
  const double latency_ms =
      static_cast<double>(request.clock.monotonic_us() - request.received.monotonic_us) / 1000;
  const double upstream_ms = upstream_latency_ms(request);
  const Matched& matched = request.matched;
  const std::string_view route_id = matched.route_id.empty() ? texts.no_route_id : matched.route_id;
  std::string out;
  out.reserve(1536);
  EntryObject entry(out);
  entry.add("apisix_latency", std::max(0.0, latency_ms - upstream_ms));
  entry.add("client_ip", request.remote_addr());
  if (request.identity.consumer) append_entry_consumer(entry.member("consumer"), *request.identity.consumer);
  entry.add("latency", latency_ms);
  append_entry_request(entry.member("request"), request, texts.request_body);
  append_entry_response(entry.member("response"), request, texts.response_body);
  if (!route_id.empty()) entry.add("route_id", route_id);
  append_entry_server(entry.member("server"), request);
  entry.add("service_id", matched.route_id.empty() ? request.target.host : matched.service_id);
  entry.add("start_time", request.received.wall_us / 1000);
  if (has_upstream) entry.add("upstream", entry_variable(request, route::VariableKind::kUpstreamAddr));
  if (has_upstream) entry.add("upstream_latency", upstream_ms);
  entry.end();
  return out;
}

}  // namespace apisix::plugin
