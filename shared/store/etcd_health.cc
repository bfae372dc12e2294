#include "shared/store/etcd_health.h"

#include <utility>

#include "shared/base/log.h"

namespace apisix::store {

EtcdHealth::EtcdHealth(const base::Clock& clock)
    : clock_(clock),
      state_{.connected = false, .since_ms = clock.wall_ms(), .endpoint = {}, .error = "not reached yet"} {}

void EtcdHealth::on_change(std::function<void(const StoreHealth&)> callback) {
  on_change_ = std::move(callback);
  if (on_change_) on_change_(state_);
}

void EtcdHealth::note_reply(const std::string& endpoint) {
  if (state_.endpoint != endpoint) state_.endpoint = endpoint;
  calls_work_ = true;
  update_state(state_.error);
}

void EtcdHealth::note_no_reply(const std::string& error) {
  calls_work_ = false;
  update_state(error);
}

void EtcdHealth::note_watch_live(const std::string& endpoint) {
  watch_broken_ = false;
  note_reply(endpoint);
}

void EtcdHealth::note_watch_broken(const std::string& error) {
  watch_broken_ = true;
  update_state(error);
}

void EtcdHealth::update_state(const std::string& error) {
  if (calls_work_ && !watch_broken_) {
    if (!state_.connected) become_connected();
    return;
  }
  const bool is_news = state_.connected || !said_away_;
  state_.error = error;
  if (is_news) become_away(error);
}

void EtcdHealth::become_connected() {
  const std::uint64_t lasted_ms = clock_.wall_ms() - state_.since_ms;
  state_.connected = true;
  state_.since_ms = clock_.wall_ms();
  state_.error.clear();
  if (std::exchange(said_away_, false)) {
    base::log_warn("etcd is back after {:.1f} s: connected to {}", static_cast<double>(lasted_ms) / 1000,
                   state_.endpoint);
  } else {
    base::log_info("connected to etcd at {}", state_.endpoint);
  }
  if (on_change_) on_change_(state_);
}

void EtcdHealth::become_away(const std::string& error) {
  if (state_.connected) state_.since_ms = clock_.wall_ms();
  state_.connected = false;
  said_away_ = true;
  base::log_error("etcd is away: {}; what was loaded stays in force", error);
  if (on_change_) on_change_(state_);
}

}  // namespace apisix::store
