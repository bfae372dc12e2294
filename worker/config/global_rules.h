// GlobalRules: which global rules are in force. A plugin may be in one of them only; of rules that configure
// the same one the first keeps it, and the other is refused alone, with its last good value in force: a guard
// is never dropped because it was written twice. (APISIX runs it for none of them.)
//
// put() and erase() as items come, then decide() once all of one change are there: rules of one change may
// hand a plugin from one to another, in any order. Owned by PluginDirectory.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/counted.h"
#include "worker/config/compiled.h"

namespace apisix::config {

class GlobalRules {
 public:
  using Rules = std::map<std::string, base::Ref<const SharedPlugins>, std::less<>>;

  // `age`: revision of its creation; older rules come first, then those with the lower id.
  void put(std::string_view id, std::int64_t age, base::Ref<const SharedPlugins> plugins);
  void erase(std::string_view id);

  // A rule whose state is another than before, or that was put and is still refused.
  struct Verdict {
    std::string id;
    std::string reason;  // "": it is in force
    bool was_put = false;
  };
  // Nothing when nothing came since the last time.
  std::vector<Verdict> decide();

  const Rules& in_force() const { return in_force_; }
  // Of a rule that waits until other rules drop a plugin: what it configures, and why not.
  struct Waiting {
    base::Ref<const SharedPlugins> plugins;
    std::int64_t age = 0;
    std::string reason;   // "" before the first decide()
    bool was_put = true;  // since the last decide()
  };
  const std::map<std::string, Waiting, std::less<>>& waiting() const { return waiting_; }

 private:
  std::string conflict_of(std::string_view id, const SharedPlugins& plugins) const;
  void accept(std::string_view id, std::vector<Verdict>& out);
  bool fit_all() const;

  Rules in_force_;
  std::map<std::string, Waiting, std::less<>> waiting_;
  bool is_decided_ = true;
};

}  // namespace apisix::config
