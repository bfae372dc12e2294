#include "shared/http/h2/engine.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "shared/base/check.h"

namespace apisix::h2 {
namespace {

constexpr std::size_t kFrameHeadBytes = 9;
// What nghttp2 makes a frame of, whatever the peer would take (RFC 9113 4.2).
constexpr std::size_t kPayloadBytesMax = 16'384;
// Pieces of the data in one frame.
constexpr std::size_t kDataPiecesMax = net::kPiecesMax - 8;
// ACKs of SETTINGS and PING that wait for a peer that does not read: its user's budgets are lower.
constexpr std::size_t kAcksMax = 256;
constexpr std::size_t kContinuationsMax = 8;
// The fields of one block, head or trailers: a reference of one byte to a large field costs what the field
// does. More than any head that is taken.
constexpr std::size_t kBlockBytesMax = std::size_t{256} * 1024;
constexpr int kFirstExtensionType = 10;

// A peer gets a GOAWAY or nothing for what we cannot do; running out of memory ends the process elsewhere,
// too.
void check(int result) {
  CHECK(result != NGHTTP2_ERR_NOMEM);
}

// Each session of nghttp2 keeps a buffer in which it makes a frame, right before mem_send() returns it or
// send_data() is called for it, and take_output() has a copy then: one buffer serves all servers of the
// process, which is one thread. What a block is too long for comes into further ones, which are a session's
// own. A client has its preface in there from the beginning: it needs one of its own.
class FrameBuffer {
 public:
  // To the session that is made until keep().
  nghttp2_mem* lend() {
    is_lent_ = false;
    return &memory_;
  }
  void keep() { is_lent_ = true; }

 private:
  static FrameBuffer& self(void* context) { return *static_cast<FrameBuffer*>(context); }
  void* allocate(std::size_t size) {
    if (size == bytes_.size() && !std::exchange(is_lent_, true)) return bytes_.data();
    return std::malloc(size);
  }
  void* reallocate(void* old, std::size_t size) {
    if (old == nullptr) return allocate(size);
    if (old != bytes_.data()) return std::realloc(old, size);
    void* const own = std::malloc(size);
    if (own != nullptr) std::memcpy(own, old, std::min(size, bytes_.size()));
    return own;
  }
  void release(void* bytes) const {
    if (bytes != bytes_.data()) std::free(bytes);
  }

  // One byte says how long padding is.
  std::array<std::uint8_t, kFrameHeadBytes + 1 + kPayloadBytesMax> bytes_;
  bool is_lent_ = true;
  nghttp2_mem memory_{
      .mem_user_data = this,
      .malloc = [](std::size_t size, void* context) { return self(context).allocate(size); },
      .free = [](void* bytes, void* context) { self(context).release(bytes); },
      .calloc = [](std::size_t count, std::size_t size, void*) { return std::calloc(count, size); },
      .realloc = [](void* old, std::size_t size,
                    void* context) { return self(context).reallocate(old, size); }};
};

struct OptionsDeleter {
  void operator()(nghttp2_option* options) const { nghttp2_option_del(options); }
};
using OptionsPtr = std::unique_ptr<nghttp2_option, OptionsDeleter>;

OptionsPtr make_options() {
  nghttp2_option* options = nullptr;
  check(nghttp2_option_new(&options));
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, kAcksMax);
  nghttp2_option_set_max_continuations(options, kContinuationsMax);
  // Frames of extensions mean nothing to us, but have to be counted.
  for (int type = kFirstExtensionType; type <= 0xff; ++type) {
    nghttp2_option_set_user_recv_extension_type(options, static_cast<std::uint8_t>(type));
  }
  // The heads of responses are bounded before they come here.
  nghttp2_option_set_max_send_header_block_length(options, std::size_t{256} * 1024);
  return OptionsPtr(options);
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// nghttp2's form of fields: on the stack, unless they are many.
class Fields {
 public:
  explicit Fields(std::span<const Field> fields) : size_(fields.size()) {
    if (fields.size() > few_.size()) many_.resize(fields.size());
    nghttp2_nv* at = data();
    for (const Field& field : fields) *at++ = made_of(field);
  }
  nghttp2_nv* data() { return many_.empty() ? few_.data() : many_.data(); }
  std::size_t size() const { return size_; }

 private:
  static nghttp2_nv made_of(const Field& field) {
    const auto bytes = [](std::string_view view) {
      return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(view.data()));
    };
    const std::uint8_t flags = field.never_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    return {bytes(field.name), bytes(field.value), field.name.size(), field.value.size(), flags};
  }

  std::array<nghttp2_nv, 48> few_;
  std::vector<nghttp2_nv> many_;
  std::size_t size_;
};

}  // namespace

std::string_view to_string(ErrorCode code) {
  const auto number = static_cast<std::uint32_t>(code);
  return number <= static_cast<std::uint32_t>(ErrorCode::kHttp11Required) ? nghttp2_http2_strerror(number)
                                                                          : "UNKNOWN";
}

// What nghttp2 calls back. A failed() engine stops at once.
struct EngineCallbacks {
  static Engine& engine(void* self) { return *static_cast<Engine*>(self); }
  static int result(const Engine& engine) { return engine.failed_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0; }

  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
    engine(self).user_.on_frame(frame_type_of(head->type), head->stream_id, head->length);
    return result(engine(self));
  }

  static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* self) {
    Engine& out = engine(self);
    const StreamId id = frame->hd.stream_id;
    out.block_bytes_ = 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
      out.block_stream_ = out.find(id);
      out.block_status_ = 0;
      return 0;
    }
    out.block_stream_ = out.user_.on_stream_opened(id);
    if (out.failed_) return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (out.block_stream_ == nullptr) {
      out.reset(id, ErrorCode::kRefusedStream);
      return 0;
    }
    check(nghttp2_session_set_stream_user_data(session, id, out.block_stream_));
    // All streams get their turns, a frame each.
    const nghttp2_extpri turns{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
    check(nghttp2_session_change_extpri_stream_priority(session, id, &turns, /*ignore_client_signal=*/1));
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name,
                       std::size_t name_bytes, const std::uint8_t* value, std::size_t value_bytes,
                       std::uint8_t, void* self) {
    Engine& out = engine(self);
    out.block_bytes_ += name_bytes + value_bytes + kFieldOverheadBytes;
    if (out.block_bytes_ > kBlockBytesMax) [[unlikely]] {
      out.fail(ErrorCode::kEnhanceYourCalm);
      return result(out);
    }
    if (out.role_ == Engine::Role::kClient && text(name, name_bytes) == ":status") [[unlikely]]
      out.block_status_ = static_cast<char>(*value);
    if (out.block_stream_ != nullptr)
      out.block_stream_->on_field(text(name, name_bytes), text(value, value_bytes));
    return result(out);
  }

  // A name or value with characters that it may not have: the message is malformed (RFC 9113 8.1.1).
  // on_invalid_frame() follows.
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                               const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // A client's final response comes as HCAT_HEADERS behind a 1xx: only a status tells it from trailers.
  static EngineStream::Block block_of(const Engine& out, const nghttp2_frame& frame) {
    if (out.role_ == Engine::Role::kServer) {
      return frame.headers.cat == NGHTTP2_HCAT_REQUEST ? EngineStream::Block::kHead
                                                       : EngineStream::Block::kTrailers;
    }
    if (out.block_status_ == 0) return EngineStream::Block::kTrailers;
    return out.block_status_ == '1' ? EngineStream::Block::kInformational : EngineStream::Block::kHead;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    Engine& out = engine(self);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
      case NGHTTP2_DATA:
        on_message_frame(out, *frame);
        break;
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) out.user_.on_settings();
        break;
      case NGHTTP2_GOAWAY:
        out.user_.on_goaway(frame->goaway.last_stream_id, static_cast<ErrorCode>(frame->goaway.error_code));
        break;
      default:
        break;
    }
    return result(out);
  }

  static void on_message_frame(Engine& out, const nghttp2_frame& frame) {
    const bool end = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame.hd.type == NGHTTP2_HEADERS) {
      EngineStream* const stream = std::exchange(out.block_stream_, nullptr);
      if (stream == nullptr) return;
      stream->on_block_end(block_of(out, frame), end);
    }
    if (!end) return;
    // It may have been forgotten meanwhile.
    if (EngineStream* const stream = out.find(frame.hd.stream_id)) stream->on_end();
  }

  static int on_data_chunk(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                           std::size_t size, void* self) {
    Engine& out = engine(self);
    EngineStream* const stream = out.find(id);
    if (stream == nullptr) {
      check(nghttp2_session_consume_connection(session, size));
    } else {
      stream->on_data(text(data, size));
    }
    return result(out);
  }

  static int on_extension_chunk(nghttp2_session*, const nghttp2_frame_hd*, const std::uint8_t*, std::size_t,
                                void*) {
    return 0;
  }
  static int unpack_extension(nghttp2_session*, void** payload, const nghttp2_frame_hd*, void*) {
    *payload = nullptr;
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
    engine(self).user_.on_invalid_frame(frame_type_of(frame->hd.type), frame->hd.stream_id);
    return result(engine(self));
  }

  static int on_stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t code, void* self) {
    Engine& out = engine(self);
    EngineStream* const stream = out.find(id);
    if (stream == nullptr) return 0;
    if (stream == out.block_stream_) out.block_stream_ = nullptr;
    nghttp2_session_set_stream_user_data(session, id, nullptr);
    stream->on_closed(static_cast<ErrorCode>(code));
    return 0;
  }

  static ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source*, void* self) {
    EngineStream* const stream = engine(self).find(id);
    if (stream == nullptr) return NGHTTP2_ERR_DEFERRED;  // forgotten: a reset is under way
    const EngineStream::Ready ready = stream->data_ready(size);
    if (ready.bytes == 0 && !ready.end) return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (ready.end) *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (ready.trailers) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return static_cast<ssize_t>(ready.bytes);
  }

  static std::string head_of(const nghttp2_frame_hd& head) {
    const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
    const auto id = static_cast<std::uint32_t>(head.stream_id);
    return {byte(head.length >> 16), byte(head.length >> 8), byte(head.length),
            byte(head.type),         byte(head.flags),       byte(id >> 24),
            byte(id >> 16),          byte(id >> 8),          byte(id)};
  }

  // nghttp2 makes one frame behind the other as long as there is data: full is full.
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t*, std::size_t bytes,
                       nghttp2_data_source*, void* self) {
    Engine& out = engine(self);
    if (!Engine::has_room(*out.output_)) {
      out.is_full_ = true;
      return NGHTTP2_ERR_WOULDBLOCK;
    }
    EngineStream* const stream = out.find(frame->hd.stream_id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // forgotten: a reset is under way
    CHECK(frame->data.padlen == 0);
    // It was made for the first call: others may have used the buffer since.
    out.output_->add_copy(head_of(frame->hd));
    stream->take_data(bytes, *out.output_);
    return 0;
  }
};

namespace {

struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};
using CallbacksPtr = std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter>;

CallbacksPtr make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&callbacks));
  using On = EngineCallbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, &On::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, &On::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, &On::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, &On::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, &On::on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, &On::on_data_chunk);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, &On::on_invalid_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, &On::on_stream_close);
  nghttp2_session_callbacks_set_on_extension_chunk_recv_callback(callbacks, &On::on_extension_chunk);
  nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, &On::unpack_extension);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, &On::send_data);
  return CallbacksPtr(callbacks);
}

constexpr nghttp2_data_provider kProvider{.source = {}, .read_callback = &EngineCallbacks::read_data};

}  // namespace

Engine::Engine(Role role, const Settings& settings, User& user) : user_(user), role_(role) {
  static const OptionsPtr options = make_options();
  static const CallbacksPtr callbacks = make_callbacks();
  if (role == Role::kServer) {
    static FrameBuffer buffer;
    check(nghttp2_session_server_new3(&session_, callbacks.get(), this, options.get(), buffer.lend()));
    buffer.keep();
  } else {
    check(nghttp2_session_client_new2(&session_, callbacks.get(), this, options.get()));
  }
  submit_settings(settings);
}

Engine::~Engine() {
  nghttp2_session_del(session_);
}

void Engine::submit_settings(const Settings& settings) {
  std::array<nghttp2_settings_entry, 6> entries;
  std::size_t count = 0;
  const auto add = [&](nghttp2_settings_id id, std::uint32_t value) { entries[count++] = {id, value}; };
  if (role_ == Role::kServer) {
    add(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, settings.concurrent_streams_max);
    if (settings.enable_connect_protocol) add(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
  } else {
    add(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  add(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings.stream_window_bytes);
  add(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  if (settings.header_table_bytes != NGHTTP2_DEFAULT_HEADER_TABLE_SIZE)
    add(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, settings.header_table_bytes);
  if (settings.header_list_bytes_max != 0)
    add(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings.header_list_bytes_max);
  check(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), count));
  set_window(0, settings.connection_window_bytes);
}

EngineStream* Engine::find(StreamId id) const {
  return static_cast<EngineStream*>(nghttp2_session_get_stream_user_data(session_, id));
}

bool Engine::receive(std::string_view bytes) {
  if (failed_) return false;
  if (role_ == Role::kClient) return feed(bytes);
  std::size_t fed = 0;
  for (std::size_t walked = 0; walked < bytes.size();) {
    const FrameHeads::Step step = heads_.next(bytes.substr(walked));
    walked += step.bytes;
    if (!step.is_stop) continue;
    // What came before may open the stream or end it; with its last byte the head itself may.
    if (!feed(bytes.substr(fed, walked - 1 - fed))) return false;
    fed = walked - 1;
    check_frame(step);
    if (failed_) return false;
  }
  return feed(bytes.substr(fed));
}

bool Engine::feed(std::string_view bytes) {
  const ssize_t used =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  check(static_cast<int>(used));
  if (used >= 0) return true;
  if (!failed_) fail(used == NGHTTP2_ERR_FLOODED ? ErrorCode::kEnhanceYourCalm : ErrorCode::kProtocolError);
  return false;
}

// Priorities mean nothing to us, but a stream that depends on itself shows that its peer is broken (RFC 7540
// 5.3.1). Its error would be the stream's, which may not be there to have one.
void Engine::check_frame(const FrameHeads::Step& step) {
  if (step.type == FrameType::kPriority) {
    if (step.id != 0 && step.id == step.depends_on) fail(ErrorCode::kProtocolError);
  } else if (!is_open(step.id)) {
    user_.on_frame(step.type, step.id, step.payload_bytes);
  }
}

bool Engine::has_room(const FrameOutput& output) {
  return output.has_room(kFrameHeadBytes + kPayloadBytesMax, kDataPiecesMax + 2);
}

bool Engine::take_output(FrameOutput& output) {
  output_ = &output;
  is_full_ = false;
  while (!is_full_) {
    if (!has_room(output)) {
      is_full_ = true;
      break;
    }
    const std::uint8_t* frame = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frame);
    check(static_cast<int>(size));
    if (size <= 0) break;
    output.add_copy(text(frame, static_cast<std::size_t>(size)));
  }
  output_ = nullptr;
  return is_full_;
}

bool Engine::wants_output() const {
  return nghttp2_session_want_write(session_) != 0;
}

bool Engine::is_over() const {
  return nghttp2_session_want_read(session_) == 0 && !wants_output();
}

void Engine::submit_informational(StreamId id, std::span<const Field> fields) {
  Fields made(fields);
  check(nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, made.data(), made.size(), nullptr));
}

void Engine::submit_response(StreamId id, std::span<const Field> fields, Sending sending) {
  Fields made(fields);
  check(nghttp2_submit_response(session_, id, made.data(), made.size(),
                                sending == Sending::kData ? &kProvider : nullptr));
}

StreamId Engine::submit_request(std::span<const Field> fields, Sending sending, EngineStream& stream) {
  Fields made(fields);
  const StreamId id = nghttp2_submit_request(session_, nullptr, made.data(), made.size(),
                                             sending == Sending::kData ? &kProvider : nullptr, &stream);
  check(id);
  return id > 0 ? id : 0;
}

void Engine::submit_trailers(StreamId id, std::span<const Field> fields) {
  Fields made(fields);
  check(nghttp2_submit_trailer(session_, id, made.data(), made.size()));
}

void Engine::resume(StreamId id) {
  check(nghttp2_session_resume_data(session_, id));
}

void Engine::reset(StreamId id, ErrorCode code) {
  check(nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, static_cast<std::uint32_t>(code)));
}

void Engine::forget(StreamId id) {
  if (block_stream_ != nullptr && find(id) == block_stream_) block_stream_ = nullptr;
  nghttp2_session_set_stream_user_data(session_, id, nullptr);
}

void Engine::consume(StreamId id, std::size_t bytes) {
  check(nghttp2_session_consume(session_, id, bytes));
}

void Engine::consume_connection(std::size_t bytes) {
  check(nghttp2_session_consume_connection(session_, bytes));
}

void Engine::consume_stream(StreamId id, std::size_t bytes) {
  check(nghttp2_session_consume_stream(session_, id, bytes));
}

void Engine::set_window(StreamId id, std::uint32_t bytes) {
  check(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, id,
                                              static_cast<std::int32_t>(bytes)));
}

void Engine::submit_shutdown_notice() {
  check(nghttp2_submit_shutdown_notice(session_));
}

void Engine::submit_goaway(ErrorCode code) {
  check(nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_stream(), static_cast<std::uint32_t>(code),
                              nullptr, 0));
}

void Engine::fail(ErrorCode code) {
  if (failed_) return;
  failed_ = true;
  check(nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code)));
}

bool Engine::is_open(StreamId id) const {
  return nghttp2_session_find_stream(session_, id) != nullptr;
}

std::uint32_t Engine::peer_concurrent_streams_max() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

StreamId Engine::last_stream() const {
  return nghttp2_session_get_last_proc_stream_id(session_);
}

}  // namespace apisix::h2
