#include "worker/secret/secret_cache.h"

#include <utility>

#include "shared/base/log.h"
#include "shared/format/schema.h"
#include "shared/resource/schemas.h"

namespace apisix::secret {
namespace {

using format::Json;

}  // namespace

SecretCache::SecretCache(event::Loop& loop, client::HttpClient& http, SecretCacheOptions options)
    : loop_(loop), options_(options), sources_(loop, http), changed_(loop), call_ended_(loop), scope_(loop) {}

// --- the managers' objects

base::Status SecretCache::put(std::string_view id, const store::Item& item) {
  auto value = format::parse_json(item.value);
  if (!value) return std::unexpected(value.error());
  if (!value->isObject()) return base::invalid("not a JSON object");
  const auto slash = id.find('/');
  if (slash == id.npos) return base::invalid("no secret id");
  const std::string manager(id.substr(0, slash));
  if (!Sources::has(manager)) return base::invalid("secret manager not exits, manager: " + manager);
  if (auto status = resource::get_schema("secret_" + manager).check(*value); !status) return status;
  objects_[std::string(id)] = std::move(*value);
  ask_again(id);
  return {};
}

void SecretCache::erase(std::string_view id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return;
  objects_.erase(found);
  ask_again(id);
}

// What an object said before it changed must not serve another request.
void SecretCache::ask_again(std::string_view id) {
  const std::string prefix = "$secret://" + std::string(id) + "/";
  for (const auto& [reference, secret] : secrets_) {
    if (!reference.starts_with(prefix)) continue;
    set(*secret, Secret::State::kPending, {});
    secret->retry_.notify();
  }
}

void SecretCache::ask_unwanted() {
  has_unwanted_ = false;
  const Shelf unresolved = unresolved_;
  for (Secret* secret : unresolved) {
    if (std::exchange(secret->was_wanted_, true)) continue;
    set(*secret, Secret::State::kPending, {});
    secret->retry_.notify();
  }
}

// --- secrets

base::Ref<const Secret> SecretCache::get(std::string_view reference) {
  const auto known = secrets_.find(reference);
  if (known != secrets_.end()) {
    if (known->second->state_ != Secret::State::kPending) shelve(*known->second);
    return base::Ref<const Secret>(known->second.get());
  }
  auto secret = base::make_counted<Secret>(loop_, std::string(reference));
  if (!parse_reference(reference)) {
    read_now(*secret);
  } else {
    secrets_.emplace(reference, secret);
    scope_.spawn(keep_current(secret));
  }
  return base::Ref<const Secret>(secret.get());
}

// The environment does not change and need not be kept.
void SecretCache::read_now(Secret& secret) {
  auto value = is_environment_reference(secret.reference_)
                   ? read_environment(secret.reference_)
                   : base::Result<Json>(std::unexpected(parse_reference(secret.reference_).error()));
  secret.state_ = value ? Secret::State::kKnown : Secret::State::kUnresolved;
  if (value) {
    secret.value_ = std::move(*value);
  } else {
    base::log_error("failed to resolve secret reference: {}, err: {}", secret.reference_, value.error().what);
  }
}

async::Task<void> SecretCache::keep_current(base::Ref<Secret> secret) {
  do {
    while (calls_ >= kCallsMax) co_await call_ended_.wait(kSecretTimeoutMs);
    const std::uint64_t asked_version = secret->version_;
    ++calls_;
    auto result = co_await ask(secret->reference_);
    --calls_;
    call_ended_.notify();
    // The object changed meanwhile: the result is of the old one.
    if (secret->version_ != asked_version) continue;
    store_result(*secret, std::move(result));
    shelve(*secret);
    if (secret->shelf_ == nullptr) break;
    co_await secret->retry_.wait(secret->state_ == Secret::State::kKnown ? options_.ttl_ms
                                                                         : options_.neg_ttl_ms);
  } while (is_held(*secret));
  unshelve(*secret);
  secrets_.erase(secret->reference_);
}

async::Task<base::Result<Json>> SecretCache::ask(const std::string& reference) {
  const auto parsed = parse_reference(reference);
  const auto object = objects_.find(parsed->manager + "/" + parsed->id);
  if (object == objects_.end()) co_return no_secret("no secret conf, secret_uri: " + reference);
  auto result = co_await sources_.read(*parsed, object->second);
  co_return result;
}

// A manager that is away takes nothing back: its last word stays. One that says no does.
void SecretCache::store_result(Secret& secret, base::Result<Json> result) {
  if (result) {
    secret.trouble_.clear();
    if (secret.state_ != Secret::State::kKnown || secret.value_ != *result) {
      set(secret, Secret::State::kKnown, std::move(*result));
    }
    return;
  }
  const bool keeps =
      secret.state_ == Secret::State::kKnown && result.error().code != base::ErrorCode::kNotFound;
  if (result.error().what != secret.trouble_) {
    base::log_error("failed to resolve secret reference: {}, err: {}{}", secret.reference_,
                    result.error().what, keeps ? "; its last value stays" : "");
    secret.trouble_ = result.error().what;
  }
  has_unwanted_ |= !keeps && !secret.was_wanted_;
  if (!keeps && secret.state_ != Secret::State::kUnresolved) set(secret, Secret::State::kUnresolved, {});
}

void SecretCache::shelve(Secret& secret) {
  const bool is_known = secret.state_ == Secret::State::kKnown;
  Shelf& shelf = is_known ? known_ : unresolved_;
  unshelve(secret);
  shelf.push_front(&secret);
  secret.shelf_ = &shelf;
  secret.place_ = shelf.begin();
  shorten(shelf, is_known ? options_.count : options_.neg_count);
}

void SecretCache::unshelve(Secret& secret) {
  if (secret.shelf_ != nullptr) secret.shelf_->erase(secret.place_);
  secret.shelf_ = nullptr;
}

// A few steps each time: one that is held goes to the others that were wanted last.
void SecretCache::shorten(Shelf& shelf, std::size_t max) {
  for (unsigned tries = 0; shelf.size() > max && tries < kTriesMax; ++tries) {
    Secret& oldest = *shelf.back();
    if (is_held(oldest)) {
      shelf.splice(shelf.begin(), shelf, oldest.place_);
    } else {
      unshelve(oldest);
      oldest.retry_.notify();
    }
  }
}

void SecretCache::set(Secret& secret, Secret::State state, Json value) {
  if (state == Secret::State::kPending) unshelve(secret);
  secret.state_ = state;
  secret.value_ = std::move(value);
  ++secret.version_;
  ++version_;
  changed_.notify();
}

}  // namespace apisix::secret
