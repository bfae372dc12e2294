// SecretCache: what references to secrets stand for, in one worker. A Secret is read at its first
// use, kept current in the background while a reference is held, and read anew when the object
// that configures its manager changes. Nothing here blocks: who needs a value that is pending waits for
// changed(), or looks again when version() has grown.
//
//   pending --reply---> known --ttl--> known (asked again; the old value serves meanwhile)
//      |  `--no such value, or no reply--> unresolved --neg_ttl--> unresolved (retried)
//      `<--the manager's object changed-- known, unresolved;  a request wants it first-- unresolved
//
// A value without references is kept in the cache until its next read would be due, as
// long as there are no more than `count` values (`neg_count` unresolved), those in use among them.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "shared/async/scope.h"
#include "shared/async/signal.h"
#include "shared/async/task.h"
#include "shared/base/counted.h"
#include "shared/base/result.h"
#include "shared/base/text.h"
#include "shared/client/http_client.h"
#include "shared/event/loop.h"
#include "shared/format/json.h"
#include "shared/store/store.h"
#include "worker/secret/reference.h"
#include "worker/secret/sources.h"

namespace apisix::secret {

class Secret : public base::Counted<Secret> {
 public:
  enum class State : std::uint8_t { kPending, kKnown, kUnresolved };

  explicit Secret(event::Loop& loop, std::string reference)
      : reference_(std::move(reference)), retry_(loop) {}

  const std::string& reference() const { return reference_; }
  State state() const { return state_; }
  // Of one that is known.
  const format::Json& value() const { return value_; }
  // Grows when state or value change.
  std::uint64_t version() const { return version_; }

 private:
  friend class SecretCache;
  using Shelf = std::list<Secret*>;

  std::string reference_;
  State state_ = State::kPending;
  format::Json value_;
  std::uint64_t version_ = 0;
  bool was_wanted_ = false;  // by a request, and not only by an object that refers to it
  std::string trouble_;      // as logged; logged again when it is another
  async::Signal retry_;      // notified: ask now, or end
  Shelf* shelf_ = nullptr;
  Shelf::iterator place_ = {};  // there
};

struct SecretCacheOptions {
  std::uint64_t ttl_ms = 300'000;     // of a value
  std::uint64_t neg_ttl_ms = 60'000;  // until the retry of what could not be had
  std::size_t count = 512;            // values that are kept; those in use stay whatever it is
  std::size_t neg_count = 512;        // the same of what could not be had
};

class SecretCache {
 public:
  SecretCache(event::Loop& loop, client::HttpClient& http, SecretCacheOptions options);
  SecretCache(const SecretCache&) = delete;
  SecretCache& operator=(const SecretCache&) = delete;

  // An object of the store below "secrets/"; `id`: "vault/1".
  base::Status put(std::string_view id, const store::Item& item);
  void erase(std::string_view id);

  // Never null. Of a text that is no reference: unresolved.
  base::Ref<const Secret> get(std::string_view reference);
  // A request wants what objects refer to. What could not be had before the first that wanted it is pending
  // again: it may have been written since, and no request shall wait for neg_ttl then.
  void want_all() {
    if (has_unwanted_) ask_unwanted();
  }
  // Grows with every Secret's version.
  std::uint64_t version() const { return version_; }
  // In use or not, the environment's apart.
  std::size_t kept() const { return secrets_.size(); }
  // Notified when version() has grown.
  async::Signal& changed() { return changed_; }

 private:
  using Shelf = Secret::Shelf;
  static constexpr unsigned kCallsMax = 32;     // at once: a vault is no cache
  static constexpr std::uint32_t kOwnRefs = 2;  // the map's and keep_current()'s
  static constexpr unsigned kTriesMax = 8;      // of the oldest, for one without references

  void read_now(Secret& secret);
  // Reads it again and again until the cache has the only reference.
  async::Task<void> keep_current(base::Ref<Secret> secret);
  async::Task<base::Result<format::Json>> ask(const std::string& reference);
  void store_result(Secret& secret, base::Result<format::Json> result);
  void set(Secret& secret, Secret::State state, format::Json value);
  void ask_again(std::string_view id);
  void ask_unwanted();
  static bool is_held(const Secret& secret) { return secret.references() > kOwnRefs; }
  // Makes it the one that was wanted last.
  void shelve(Secret& secret);
  static void unshelve(Secret& secret);
  static void shorten(Shelf& shelf, std::size_t max);

  event::Loop& loop_;
  const SecretCacheOptions options_;
  Sources sources_;
  std::map<std::string, format::Json, std::less<>> objects_;  // by "vault/1"
  std::unordered_map<std::string, base::Ref<Secret>, base::StringHash, std::equal_to<>> secrets_;
  // Those that are not pending, the last wanted first.
  Shelf known_;
  Shelf unresolved_;
  bool has_unwanted_ = false;  // there may be unresolved ones that no request has wanted
  std::uint64_t version_ = 1;
  async::Signal changed_;
  async::Signal call_ended_;
  unsigned calls_ = 0;
  async::Scope scope_;
};

}  // namespace apisix::secret
