// Backoff: how long to wait before a process that died is started again. After the first death there is no
// delay; what dies again and again waits longer and longer; what lived long enough is trusted again.
#pragma once

#include <cstdint>

namespace apisix::master {

class Backoff {
 public:
  static constexpr std::uint64_t kFirstDelayMs = 100;
  static constexpr std::uint64_t kDelayMaxMs = 10'000;
  // What has served before it died is worth more tries.
  static constexpr std::uint64_t kServedDelayMaxMs = 1'000;
  static constexpr std::uint64_t kTrustedAfterMs = 10'000;

  // 0, 100, 200, 400 ... 10000 ms. `lived_ms`: from the last start to the death; `served`: it was Ready.
  std::uint64_t next_delay_ms(std::uint64_t lived_ms, bool served);
  // Deaths in a row, the last one included.
  int deaths() const { return deaths_; }

 private:
  int deaths_ = 0;
};

}  // namespace apisix::master
