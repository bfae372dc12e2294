#include "worker/tls/certificate_table.h"

#include <algorithm>
#include <utility>

#include "shared/base/host_name.h"
#include "shared/base/log.h"
#include "shared/format/json.h"
#include "worker/limits.h"

namespace apisix::tls {

using base::ErrorCode;
using base::ErrorSource;
using IdentityRef = base::Ref<const Identity>;

// --- changes

base::Status CertificateTable::put(std::string_view id, std::string_view text, std::int64_t created) {
  auto outline = read_outline(text);
  if (!outline) return std::unexpected(outline.error());
  outline->stapling.is_enabled &= deps_.staples();
  auto object = std::make_unique<Object>();
  object->created = created;
  object->id = id;
  object->text = text;
  object->outline = std::move(*outline);
  const auto known = objects_.find(id);
  auto built = build_at_once(*object, known != objects_.end() ? known->second.get() : nullptr);
  if (!built) return std::unexpected(built.error());
  if (known != objects_.end()) forget(*known->second);
  Object& kept = *(objects_[std::string(id)] = std::move(object));
  for (const std::string& name : kept.outline.names) names_.insert(name, kept);
  client_policies_ += kept.outline.has_client_policy ? 1 : 0;
  if (kept.outline.has_references) with_secrets_.insert(&kept);
  if (*built) keep(kept, std::move(*built));
  return {};
}

void CertificateTable::erase(std::string_view id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) return;
  forget(*found->second);
  objects_.erase(found);
}

void CertificateTable::forget(Object& object) {
  for (const std::string& name : object.outline.names) names_.erase(name, object);
  client_policies_ -= object.outline.has_client_policy ? 1 : 0;
  with_secrets_.erase(&object);
  unlink(object);
}

// What is in use is built anew now, so that a bad one is refused while the good one serves. Secrets, and
// responses for stapling, are asked for now, so that they are here when the first client comes. All else
// waits for its first use.
base::Result<std::unique_ptr<CertificateTable::Built>> CertificateTable::build_at_once(const Object& object,
                                                                                       const Object* before) {
  const bool is_in_use = before != nullptr && before->built && before->built->identity;
  const bool is_wanted = is_in_use || object.outline.stapling.is_enabled;
  if (!is_wanted && !object.outline.has_references) return nullptr;
  if (!is_wanted) {
    auto out = std::make_unique<Built>();
    if (auto value = format::parse_json(object.text)) {
      format::Json conf = parts_conf(*value);
      out->uses = secret::Uses::resolve(conf, deps_.secrets);
    }
    return out;
  }
  auto out = build(object);
  if (out->identity) return out;
  if (!object.outline.has_references) return std::unexpected(out->failure);
  if (is_in_use) out->identity = before->built->identity;
  return out;
}

// --- building

std::unique_ptr<CertificateTable::Built> CertificateTable::build(const Object& object) {
  auto out = std::make_unique<Built>();
  out->secrets_version = deps_.secrets.version();
  const auto value = format::parse_json(object.text);
  if (!value) {
    out->failure = value.error();
    return out;
  }
  format::Json conf = parts_conf(*value);
  if (object.outline.has_references) out->uses = secret::Uses::resolve(conf, deps_.secrets);
  if (out->uses.is_pending()) {
    out->failure = {ErrorCode::kUnavailable, ErrorSource::kGateway, true, "its secret is being read"};
  } else if (out->uses.has_unresolved()) {
    out->failure = {ErrorCode::kInvalid, ErrorSource::kGateway, true, "its secret cannot be resolved"};
  } else if (auto parts = build_parts(object.id, conf, deps_.keyring); parts) {
    out->identity = base::make_counted<const Identity>(std::move(*parts));
  } else {
    out->failure = std::move(parts.error());
  }
  return out;
}

void CertificateTable::keep(Object& object, std::unique_ptr<Built> built) {
  unlink(object);
  object.built = std::move(built);
  if (object.built->identity) staple(object);
  if (object.outline.has_references) return;
  recent_.push_front(&object);
  object.built->place = recent_.begin();
  if (recent_.size() > limits::kIdentitiesMax) unlink(*recent_.back());
}

void CertificateTable::unlink(Object& object) {
  if (!object.built) return;
  if (!object.outline.has_references) recent_.erase(object.built->place);
  if (object.built->identity) deps_.stapler.stop(*object.built->identity);
  object.built = nullptr;
}

void CertificateTable::follow_secrets(Object& object) {
  deps_.secrets.want_all();
  Built& built = *object.built;
  if (built.secrets_version == deps_.secrets.version()) return;
  const bool is_current = built.secrets_version != 0 && !built.uses.changed();
  built.secrets_version = deps_.secrets.version();
  if (is_current) return;
  auto next = build(object);
  if (!next->identity && built.identity) {
    if (next->failure.code != ErrorCode::kUnavailable) {
      base::log_error("ssls/{}: {}; its last good certificate stays", object.id, next->failure.what);
    }
    next->identity = built.identity;
  }
  keep(object, std::move(next));
}

// A certificate that says so (RFC 7633) is refused by clients without a response, so it gets one whatever the
// object says; APISIX leaves it without.
void CertificateTable::staple(const Object& object) {
  const auto must_staple = [](const ShownCertificate& shown) { return shown.certificate.must_staple(); };
  const Identity& identity = *object.built->identity;
  if (object.outline.stapling.is_enabled || std::ranges::any_of(identity.certificates(), must_staple)) {
    deps_.stapler.follow(identity, object.outline.stapling);
  }
}

base::Result<IdentityRef> CertificateTable::identity_of(Object& object) {
  if (!object.built) {
    keep(object, build(object));
  } else if (object.outline.has_references) {
    follow_secrets(object);
  } else {
    recent_.splice(recent_.begin(), recent_, object.built->place);
  }
  if (object.built->identity) return object.built->identity;
  base::Error error = object.built->failure;
  error.what = "failed to fetch ssl config: " + error.what;
  return std::unexpected(std::move(error));
}

// --- lookups

base::Result<IdentityRef> CertificateTable::find(std::string_view server_name) {
  const std::string name = base::comparable_host(server_name);
  const NameIndex::Match match = names_.find(name);
  if (match.owner == nullptr) {
    std::string what = "failed to match any SSL certificate by SNI: " + name;
    if (match.is_too_deep) what += ", matched SNI: " + match.wildcard;
    return base::fail(ErrorCode::kNotFound, ErrorSource::kClient, std::move(what));
  }
  return identity_of(*objects_.find(match.owner->id)->second);
}

bool CertificateTable::has_client_policy(std::string_view server_name) const {
  if (client_policies_ == 0) return false;
  const std::string name = base::comparable_host(server_name);
  if (name.size() > NameIndex::kNameBytesMax) return true;
  const NameIndex::Match match = names_.find(name);
  const NameOwner* const owner = match.owner != nullptr ? match.owner : match.landed_on;
  return owner != nullptr && static_cast<const Object*>(owner)->outline.has_client_policy;
}

bool CertificateTable::is_settling() const {
  const auto is_pending = [](const Object* object) {
    return object->built && object->built->uses.is_pending();
  };
  return deps_.stapler.is_asking() || std::ranges::any_of(with_secrets_, is_pending);
}

std::optional<std::int64_t> CertificateTable::find_end(std::string_view id) {
  const auto found = objects_.find(id);
  if (found == objects_.end() || found->second->outline.is_off) return std::nullopt;
  Object& object = *found->second;
  if (object.outline.has_references) {
    if (!object.built || !object.built->identity) return std::nullopt;
    return object.built->identity->ends_at_s();
  }
  if (!object.end_s) object.end_s = first_end(object.text);
  return *object.end_s != 0 ? object.end_s : std::nullopt;
}

base::Result<IdentityRef> CertificateTable::find_by_id(std::string_view id) {
  const auto found = objects_.find(id);
  if (found == objects_.end()) {
    return base::fail(ErrorCode::kNotFound, ErrorSource::kStore,
                      "failed to fetch ssl info by id [" + std::string(id) + "]");
  }
  return identity_of(*found->second);
}

}  // namespace apisix::tls
