#include "shared/store/etcd_feed.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "shared/async/awaiters.h"
#include "shared/base/log.h"
#include "shared/store/etcd_items.h"

namespace apisix::store {
namespace {

using etcdserverpb::WatchResponse;

constexpr std::size_t kOriginsKept = 4;
// What one turn of the loop delivers before requests get their turn.
constexpr std::size_t kBatchesPerTurn = 128;
// etcd catches a watch up within a tenth of a second.
constexpr std::uint64_t kProofMs = 5'000;
constexpr std::uint64_t kFirstRetryMs = 100;
// A stream that lived so long resets the backoff: the next retry comes soon.
constexpr std::uint64_t kStableMs = 2'000;

base::Error error(base::ErrorCode code, std::string what) {
  return {code, base::ErrorSource::kStore, true, std::move(what)};
}

etcdserverpb::WatchRequest create_request(const std::string& prefix, Revision from) {
  etcdserverpb::WatchRequest out;
  auto& create = *out.mutable_create_request();
  create.set_key(prefix);
  create.set_range_end(range_end_of(prefix));
  create.set_start_revision(from);
  create.set_progress_notify(true);
  create.set_fragment(true);
  return out;
}

}  // namespace

struct EtcdFeed::Stream final : RpcCall {
  using RpcCall::RpcCall;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<etcdserverpb::WatchRequest, WatchResponse>> rpc;
  etcdserverpb::WatchRequest create;
  etcdserverpb::WatchRequest progress;
  WatchResponse response;
  grpc::Status status;
  std::size_t member = 0;
  std::string token;
};

EtcdFeed::EtcdFeed(std::shared_ptr<EtcdClient> client, WatchList& watches)
    : client_(std::move(client)),
      watches_(watches),
      prefix_(client_->options().prefix + "/"),
      retry_(kFirstRetryMs, client_->options().resync_delay_ms),
      timer_(
          client_->loop().timers(), [](void* self) { static_cast<EtcdFeed*>(self)->on_timer(); }, this),
      scope_(client_->loop()) {}

EtcdFeed::~EtcdFeed() = default;

EtcdFeed::Ended EtcdFeed::lost(std::string what) const {
  return {Ended::Why::kLost, error(base::ErrorCode::kClosed, std::move(what))};
}

void EtcdFeed::note_list(const ListReply& list, std::uint64_t cluster_id) {
  std::erase_if(origins_, [&list](const Origin& origin) { return origin.revision == list.revision; });
  Origin& origin = origins_.emplace_back(list.revision, cluster_id, EtcdHistory());
  origin.history.reset(list);
  if (origins_.size() > kOriginsKept) origins_.pop_front();
}

void EtcdFeed::poll() {
  is_new_ = true;
  if (!running_) {
    running_ = true;
    scope_.spawn(run());
    return;
  }
  const auto from = watches_.next_revision();
  if (!from || *from >= position_ || restart_) return;
  restart_ = true;
  if (stream_ != nullptr) stream_->context.TryCancel();
}

// --- the life of the stream

async::Task<void> EtcdFeed::run() {
  while (const auto from = watches_.next_revision()) {
    continue_at(*from);
    Ended ended = co_await follow();
    timer_.cancel();
    progress_write_.reset();
    stream_.reset();
    state_ = State::kIdle;
    if (ended.why == Ended::Why::kRestart || restart_) continue;
    if (ended.why == Ended::Why::kLost) {
      watches_.lose_all(ended.error);
      continue;
    }
    was_broken_ = true;
    const std::uint64_t live_since_ms = std::exchange(live_since_ms_, 0);
    const bool was_stable =
        live_since_ms != 0 && client_->loop().clock().monotonic_ms() - live_since_ms > kStableMs;
    if (was_stable) retry_.reset();
    // One of several members that goes is no outage: the next one is asked first.
    if (was_stable && client_->members() > 1) continue;
    client_->health().note_watch_broken(ended.error.what);
    co_await async::Sleep(client_->loop(), retry_.next_ms());
  }
  running_ = false;
}

// Where it was, or, for a new watch, at the list that it is behind.
void EtcdFeed::continue_at(Revision position) {
  restart_ = false;
  events_.clear();
  const auto origin = std::ranges::find(origins_, position - 1, &Origin::revision);
  if (std::exchange(is_new_, false) && (position != position_ || origin != origins_.end())) {
    was_broken_ = false;
    progress_ = 0;
    wanted_progress_ = 0;
    cluster_id_ = origin != origins_.end() ? origin->cluster_id : 0;
    history_ = origin != origins_.end() ? origin->history : EtcdHistory();
  }
  position_ = position;
}

async::Task<EtcdFeed::Ended> EtcdFeed::follow() {
  if (auto status = co_await client_->ready(); !status) co_return Ended{Ended::Why::kBroken, status.error()};
  if (client_->is_closed()) co_return Ended{Ended::Why::kBroken, EtcdClient::closed_error()};
  state_ = State::kOpening;
  cancel_ = Cancel::kNone;
  timer_.set_after_ms(client_->attempt_timeout_ms());
  stream_ = std::make_shared<Stream>(client_->queue());
  const auto stream = stream_;
  stream->member = client_->pick();
  stream->token = client_->sign(stream->context);
  // A member that lost its cluster ends the stream instead of leaving it silent.
  stream->context.AddMetadata("hasleader", "true");
  {
    RpcWait started(client_->queue(), stream);
    stream->rpc = client_->member(stream->member)
                      .watch->AsyncWatch(&stream->context, client_->queue().grpc_queue(), started.tag());
    if (!co_await started.done()) co_return co_await end_of(stream);
  }
  stream->create = create_request(prefix_, was_broken_ ? history_.overlap_from(position_) : position_);
  {
    RpcWait written(client_->queue(), stream);
    stream->rpc->Write(stream->create, written.tag());
    if (!co_await written.done()) co_return co_await end_of(stream);
  }
  for (;;) {
    auto ended = co_await read_one(stream);
    if (ended) co_return std::move(*ended);
    if (restart_ || !watches_.next_revision()) co_return Ended{Ended::Why::kRestart, {}};
  }
}

async::Task<std::optional<EtcdFeed::Ended>> EtcdFeed::read_one(std::shared_ptr<Stream> stream) {
  RpcWait read(client_->queue(), stream);
  stream->rpc->Read(&stream->response, read.tag());
  if (!co_await read.done()) co_return co_await end_of(stream);
  if (restart_) co_return std::nullopt;
  WatchResponse& response = stream->response;
  asked_ = false;
  if (state_ == State::kLive) timer_.set_after_ms(client_->options().watch_timeout_ms / 2);
  if (cluster_id_ != 0 && response.header().cluster_id() != cluster_id_) {
    co_return lost(
        fmt::format("another cluster: {:x}, before {:x}", response.header().cluster_id(), cluster_id_));
  }
  cluster_id_ = response.header().cluster_id();
  if (response.canceled()) co_return take_canceled(response);
  if (response.created()) co_return take_created(response);
  for (auto& event : *response.mutable_events()) events_.push_back(take_event(event));
  if (response.fragment()) co_return std::nullopt;
  if (!events_.empty()) co_return co_await take_events();
  if (state_ == State::kLive) {
    progress_ = std::max(progress_, response.header().revision());
    watches_.note_progress(progress_);
    want_progress(wanted_progress_);
  }
  co_return std::nullopt;
}

async::Task<EtcdFeed::Ended> EtcdFeed::end_of(std::shared_ptr<Stream> stream) {
  RpcWait finished(client_->queue(), stream);
  stream->rpc->Finish(&stream->status, finished.tag());
  co_await finished.done();
  if (restart_) co_return Ended{Ended::Why::kRestart, {}};
  if (cancel_ == Cancel::kNoProof)
    co_return lost("the changes seen last are not there any more: etcd was restored");
  const grpc::Status& status = stream->status;
  if (cancel_ == Cancel::kNoReply) stream->status = {grpc::StatusCode::UNAVAILABLE, "no answer to the watch"};
  if (cancel_ == Cancel::kSilent) stream->status = {grpc::StatusCode::UNAVAILABLE, "the watch fell silent"};
  if (status.ok()) stream->status = {grpc::StatusCode::UNAVAILABLE, "the watch was closed"};
  const bool token_was_it = client_->note_failure(stream->member, status, stream->token);
  if (token_was_it && !std::exchange(tried_new_token_, true)) co_return Ended{Ended::Why::kRestart, {}};
  co_return Ended{Ended::Why::kBroken, error_of(status, client_->member(stream->member).url)};
}

// --- what comes

std::optional<EtcdFeed::Ended> EtcdFeed::take_created(const WatchResponse& response) {
  const Revision revision = response.header().revision();
  if (revision < position_ - 1) {
    return lost(fmt::format("the store is at revision {}, before {}: it was restored or is another one",
                            revision, position_ - 1));
  }
  client_->note_reply(stream_->member);
  live_since_ms_ = client_->loop().clock().monotonic_ms();
  history_.begin_proof();
  if (was_broken_ && !history_.is_proven()) {
    state_ = State::kProving;
    timer_.set_after_ms(kProofMs);
    return std::nullopt;
  }
  become_live();
  return std::nullopt;
}

void EtcdFeed::become_live() {
  state_ = State::kLive;
  tried_new_token_ = false;
  client_->health().note_watch_live(client_->member(stream_->member).url);
  timer_.set_after_ms(client_->options().watch_timeout_ms / 2);
  want_progress(wanted_progress_);
}

// Before 3.5 etcd says "permission denied" of a token that ran out.
std::optional<EtcdFeed::Ended> EtcdFeed::take_canceled(const WatchResponse& response) {
  if (response.compact_revision() > 0) {
    return lost(fmt::format("revision {} is no longer there: compacted up to {}",
                            stream_->create.create_request().start_revision(), response.compact_revision()));
  }
  client_->drop_token(stream_->token);
  if (!stream_->token.empty() && !std::exchange(tried_new_token_, true))
    return Ended{Ended::Why::kRestart, {}};
  return Ended{Ended::Why::kBroken,
               error(base::ErrorCode::kUnavailable,
                     fmt::format("etcd {}: the watch was cancelled: {}", client_->member(stream_->member).url,
                                 response.cancel_reason()))};
}

async::Task<std::optional<EtcdFeed::Ended>> EtcdFeed::take_events() {
  std::vector<Event> events = std::exchange(events_, {});
  std::size_t batches = 0;
  for (std::size_t begin = 0; begin < events.size();) {
    EventBatch batch{events[begin].item.mod_revision, {}};
    for (; begin < events.size() && events[begin].item.mod_revision == batch.revision; ++begin) {
      batch.events.push_back(std::move(events[begin]));
    }
    if (auto ended = take_batch(batch)) co_return ended;
    if (restart_) co_return std::nullopt;
    if (++batches % kBatchesPerTurn == 0 && begin < events.size()) {
      RpcWait turn(client_->queue(), nullptr);
      client_->queue().return_tag(turn.tag());
      co_await turn.done();
    }
  }
  co_return std::nullopt;
}

std::optional<EtcdFeed::Ended> EtcdFeed::take_batch(const EventBatch& batch) {
  if (batch.revision < position_) {
    if (!was_broken_ || !history_.check(batch))
      return lost(fmt::format("revision {} is not what it was: etcd was restored", batch.revision));
    if (!history_.is_proven() || state_ != State::kProving) return std::nullopt;
  } else if (state_ == State::kProving) {
    return lost(fmt::format("the changes before revision {} are not there any more: etcd was restored",
                            batch.revision));
  }
  if (state_ == State::kProving) {
    become_live();
    return std::nullopt;
  }
  watches_.deliver(batch);
  history_.append(batch);
  position_ = batch.revision + 1;
  return std::nullopt;
}

// --- whether it still lives

void EtcdFeed::on_timer() {
  if (stream_ == nullptr) return;
  if (state_ == State::kLive && !asked_) {
    asked_ = true;
    timer_.set_after_ms(std::max<std::uint64_t>(client_->options().watch_timeout_ms / 2, 1));
    send_progress_request();
    return;
  }
  cancel_ = state_ == State::kProving   ? Cancel::kNoProof
            : state_ == State::kOpening ? Cancel::kNoReply
                                        : Cancel::kSilent;
  stream_->context.TryCancel();
}

void EtcdFeed::want_progress(Revision revision) {
  wanted_progress_ = std::max(wanted_progress_, revision);
  if (state_ != State::kLive || std::max(progress_, position_ - 1) >= wanted_progress_) return;
  send_progress_request();
}

void EtcdFeed::send_progress_request() {
  if (progress_write_ && !progress_write_->done().is_set()) return;
  static_cast<void>(stream_->progress.mutable_progress_request());
  progress_write_.emplace(client_->queue(), stream_);
  stream_->rpc->Write(stream_->progress, progress_write_->tag());
}

}  // namespace apisix::store
