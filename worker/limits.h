// Every bound of the data path, in one place, with the sum that led to it. What a request costs in memory and
// time is linear in its size with a named factor, and what all requests of a worker hold is bounded by named
// budgets: nothing that a peer sends can make a worker hold more than these allow.
#pragma once

#include <cstddef>
#include <cstdint>

namespace apisix::limits {

// --- heads. nginx's large_client_header_buffers is 4 of 8 KiB: one line fits in 8, all of them in 32.
inline constexpr std::size_t kRequestLineBytesMax = 8 * 1024;
inline constexpr std::size_t kHeaderLineBytesMax = 8 * 1024;
inline constexpr std::size_t kRequestHeadBytesMax = 32 * 1024;
inline constexpr std::size_t kRequestHeadersMax = 512;
// An upstream is trusted more than a client, but not with the worker's memory.
inline constexpr std::size_t kResponseHeadBytesMax = 64 * 1024;
inline constexpr std::size_t kResponseHeadersMax = 1024;
// 1xx responses before the final one; more is an upstream gone wrong.
inline constexpr std::uint32_t kInformationalResponsesMax = 16;

// Field names in one signature of hmac-auth. Clients sign five; each name is looked for in all fields, and
// its values are copied into the text that is signed.
inline constexpr std::size_t kSignedHeadersMax = 64;

// --- what is computed from a request. The regular expressions of one request share
// format::RegexBudget::kRequestSteps; texts that are joined from it are made once (base::KeptTexts).
// Values (and names) in the JSON body that conditions are about: parsing takes up to 0.4 us and 150 bytes for
// one, so 20 ms and 7 MiB. A body of 1 MiB whose values have 20 bytes each is just parsed.
inline constexpr std::size_t kBodyValuesMax = 50'000;
// Of all parsed bodies of a worker, which live as long as their requests: 75 MiB.
inline constexpr std::size_t kBodyValuesOfWorkerMax = 500'000;
// Fields of a form: lua-nginx-module's default, which APISIX keeps.
inline constexpr std::size_t kFormFieldsMax = 100;

// Values in the JSON body of a request that becomes a gRPC message: it is parsed, encoded and dropped in one
// turn, 0.5 us for each, so 25 ms.
inline constexpr std::size_t kTranscodedValuesMax = 50'000;
// Of that body, and of the message: twice what gRPC servers take by default. 10 ms for each MiB.
inline constexpr std::size_t kTranscodedBytesMax = std::size_t{8} << 20;

// --- bodies
// What one read may bring: 2.8 times cheaper at 64 KiB than 4 KiB. One buffer per direction and worker.
inline constexpr std::size_t kScratchBytes = 64 * 1024;
// Client bytes buffered while the request cannot take them: one scratch, after which reading stops.
inline constexpr std::size_t kInputPendingBytesMax = 64 * 1024;
// Response bytes buffered for a slow client before reading from the upstream stops. A connection costs at
// most this and one scratch more: 1,000 stuck clients hold 192 MiB.
inline constexpr std::size_t kOutputPendingBytesMax = 128 * 1024;
// Request body bytes buffered for a retry; a longer body is not replayed.
inline constexpr std::size_t kReplayBytesMax = 16 * 1024;
// Admin API request bodies (APISIX's limit).
inline constexpr std::size_t kAdminBodyBytesMax = 1536 * 1024;
// A whole configuration, pushed by who has the admin key: 100,000 routes take 20 MiB.
inline constexpr std::size_t kPushedBodyBytesMax = std::size_t{48} << 20;

// A file of the dashboard is read in slices of this, one in a turn of the loop: 0.2 ms from the page cache.
inline constexpr std::size_t kUiSliceBytes = std::size_t{512} << 10;
// Files of the dashboard for clients that are slow to take them, buffered twice: as read, and as output of
// the socket. The largest file of APISIX's dashboard has 3.3 MiB, a first visit takes 7.4.
inline constexpr std::size_t kUiBytesInFlightMax = std::size_t{64} << 20;

// --- certificates
// Objects of `ssls` that are parsed at once in a worker: what was not used for longest is parsed again at its
// next use (0.3 ms). One with a chain of three takes 25 KiB: 50 MiB. APISIX keeps 1,024.
inline constexpr std::size_t kIdentitiesMax = 2048;
// With more objects than these, what others wrote into the store is parsed at its first use, and not to
// refuse it when it is read: 0.3 ms each.
inline constexpr std::size_t kParsedWhenReadMax = 1000;
// --- HTTP/2 to nodes (worker/upstream/h2_connection.h)
// Exchanges on one connection when a node says nothing of it, as browsers and gRPC assume until it does; and
// at most, however many it takes: beyond, more connections share its work better than one.
inline constexpr std::uint32_t kH2StreamsUnsaidMax = 100;
inline constexpr std::uint32_t kH2StreamsPerConnectionMax = 256;
// Connections to one node: 16,384 exchanges at once with a node that takes 64 on each.
inline constexpr std::uint32_t kH2ConnectionsPerNodeMax = 256;
// What a node may send of one response before its owner took some: 256 KiB in a round trip of 1 ms are 2
// Gbit/s. A client that reads nothing costs this beside its kOutputPendingBytesMax.
inline constexpr std::uint32_t kH2ResponseWindowBytes = 256 * 1024;
// Of all responses on a connection. What is read is delivered at once, so it only has to be large: a client
// that reads nothing stops its own response alone.
inline constexpr std::uint32_t kH2NodeWindowBytes = 16 << 20;
// Attempts of one request that do not count as tries, because a connection that was fine before had ended (in
// HTTP/1, too): a node that refuses each request of each connection would get them without end.
inline constexpr std::uint8_t kStaleTriesMax = 32;
// A node that does not read gets so long for the end of a connection that nothing uses any more.
inline constexpr std::uint64_t kH2LastWriteMs = 5'000;
// An exchange that is given up when its connection brought nothing for so long drains it: the node may be
// dead, and TCP says so after 15 minutes only.
inline constexpr std::uint64_t kH2SilenceMs = 1'000;
// Frames that carry nothing (PING, SETTINGS, RST_STREAM, empty DATA) in a minute, and kH2FramesPerUse more
// for each request and each frame of content either way: grpc-go measures its round trip with a PING and a
// WINDOW_UPDATE for each while it gets content.
inline constexpr std::uint32_t kH2IdleFramesMax = 1'000;
inline constexpr std::uint64_t kH2IdleFramesWindowMs = 60'000;

// --- memory that is free again (worker/heap_trim.h)
// How often a worker checks whether much was freed since the last time.
inline constexpr std::uint64_t kTrimCheckMs = 5'000;
// Less is used again soon, and giving it back would cost more than keeping it.
inline constexpr std::size_t kTrimBytesMin = std::size_t{8} << 20;
// Connections hold up to a scratch and some output each when they are not idle: 256 of them 48 MiB.
inline constexpr std::uint64_t kTrimConnectionsMin = 256;

// --- time
inline constexpr std::uint64_t kLingerMs = 5'000;  // discarding what a refused client still sends
// A client that sends its whole body before it reads would get a reset instead of the response. nginx has no
// bound but the timeout; this is what a client on the same machine sends meanwhile.
inline constexpr std::uint64_t kLingerBytesMax = 256 << 20;
// Timeout of a request for the secrets of its plugins: one call to a secrets manager takes 5 s at most.
inline constexpr std::uint64_t kSecretWaitMsMax = 10'000;

// --- draining (worker/drain.h)
// Handshakes that had begun when a port stopped taking new ones: a round trip of all but the farthest
// clients.
inline constexpr std::uint64_t kLastCallMs = 300;
// An idle client of a draining worker may still send a request; a request that crosses the end of its
// connection is lost.
inline constexpr std::uint64_t kDrainIdleMs = 1'000;
inline constexpr std::uint64_t kDrainLingerMs = 1'000;
// After worker_shutdown_timeout: the deadline for flushing the last bytes.
inline constexpr std::uint64_t kShutDownMs = 1'000;

// --- turns
// Pipelined requests of one client that begin in one turn; the rest waits behind the other clients. A request
// with an immediate response takes about 15 us, so 400 clients hold a turn for 24 ms.
inline constexpr std::uint32_t kRequestsPerTurn = 4;

// --- HTTP/2 (docs/HTTP2.md). A connection has many requests at once, so it has bounds of its own beside
// theirs. Open at once on one connection; nginx's http2_max_concurrent_streams. Each may cost an arena and a
// head.
inline constexpr std::uint32_t kH2StreamsMax = 128;
// Requests of one connection that begin in one turn; the rest waits behind the other clients: 0.5 ms.
inline constexpr std::uint32_t kH2RequestsPerTurn = 32;
// In flight from a client before its stream's node has taken it: the window of a stream, and of all of a
// connection, which is the most that it holds for nodes that are slow. Eight stuck uploads stop the uploads
// of their own connection, and nothing else.
inline constexpr std::uint32_t kH2StreamWindowBytes = 64 * 1024;
inline constexpr std::uint32_t kH2ConnectionWindowBytes = 512 * 1024;
// Response bytes that wait for a client's windows, on all streams of a connection: beyond it each stream that
// waits stops its node at once. With one more scratch per stream that is 9 MiB for a client that reads
// nothing, until send_timeout ends them.
inline constexpr std::size_t kH2PendingBytesMax = 1024 * 1024;
// Frames are made while less than this waits in the connection's output.
inline constexpr std::size_t kH2OutputBytesMax = 64 * 1024;
// Streams that a client resets, or makes us reset by breaking rules (rapid reset, CVE-2023-44487, and
// MadeYouReset, CVE-2025-8671): a page full of requests may be cancelled twice at once, and 32 a second.
inline constexpr std::uint32_t kH2ResetsMax = 256;
inline constexpr std::uint32_t kH2ResetsPerSecond = 32;
// Frames that carry nothing (SETTINGS, PING, PRIORITY, empty DATA, WINDOW_UPDATE, unknown ones, the second
// and later ones of a head): a burst of so many, then so many a second, and kH2FramesPerUse more for each
// request and each frame of content either way, as a client that downloads much sends many WINDOW_UPDATEs. A
// frame costs 0.2 us.
inline constexpr std::uint32_t kH2FramesMax = 2048;
inline constexpr std::uint32_t kH2FramesPerSecond = 128;
inline constexpr std::uint32_t kH2FramesPerUse = 4;
// What a client may still send behind the GOAWAY that ends its connection: both windows and some frames.
inline constexpr std::size_t kH2LingerBytesMax = 1024 * 1024;

// --- retries
// Retries of one request, whatever `retries` or the number of nodes say: each may cost a
// connect(), 10 us when it fails at once.
inline constexpr std::uint32_t kRetriesMax = 64;

// --- TLS
// How long a session can be resumed: APISIX's ssl_session_timeout.
inline constexpr std::uint32_t kTlsSessionS = 600;
// A key of session tickets makes new ones for this long; with the two before it all tickets open that are
// not too old.
inline constexpr std::uint64_t kTlsTicketKeyMs = 600'000;

// --- connections
// Accepted in one turn, so that one listener cannot starve the connections there are.
inline constexpr int kAcceptsPerTurn = 64;
// Clients of the Admin and the Control API have budgets of their own beside worker_connections. Dashboards,
// controllers and scripts keep a handful of connections each; descriptors for both are left over by the least
// worker_rlimit_nofile (worker_connections and 256 more).
inline constexpr std::uint64_t kAdminConnectionsMax = 96;
inline constexpr std::uint64_t kControlConnectionsMax = 32;
// How often a worker says how many connections it closed to make room.
inline constexpr std::uint64_t kRoomReportMs = 60'000;

}  // namespace apisix::limits
