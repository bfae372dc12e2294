#include "shared/store/etcd_health.h"

#include "shared/base/log.h"

namespace apisix::store {

void EtcdHealth::note_answer(const std::string& endpoint) {
  if (state_.endpoint != endpoint) state_.endpoint = endpoint;
  calls_work_ = true;
  settle(state_.error);
}

void EtcdHealth::note_no_answer(const std::string& error) {
  calls_work_ = false;
  settle(error);
}

void EtcdHealth::note_watch_live(const std::string& endpoint) {
  watch_broken_ = false;
  note_answer(endpoint);
}

void EtcdHealth::note_watch_broken(const std::string& error) {
  watch_broken_ = true;
  settle(error);
}

void EtcdHealth::settle(const std::string& error) {
  const bool connected = calls_work_ && !watch_broken_;
  const bool is_first = state_.since_ms == 0;
  state_.error = connected ? std::string() : error;
  if (connected == state_.connected && !is_first) return;
  const std::uint64_t now_ms = clock_.wall_ms();
  const std::uint64_t lasted_ms = is_first ? 0 : now_ms - state_.since_ms;
  state_.connected = connected;
  state_.since_ms = now_ms;
  if (!connected) {
    base::log_error("etcd is away: {}; what was loaded stays in force", error);
  } else if (!is_first) {
    base::log_warn("etcd is back after {:.1f} s: connected to {}", static_cast<double>(lasted_ms) / 1000,
                   state_.endpoint);
  } else {
    base::log_info("connected to etcd at {}", state_.endpoint);
  }
  if (on_change_) on_change_(state_);
}

}  // namespace apisix::store
