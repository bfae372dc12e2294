#include "shared/resource/reference.h"

#include "shared/resource/fields.h"

namespace apisix::resource {
namespace {

class References {
 public:
  std::vector<Reference> take() { return std::move(found_); }

  void add(const Json& object, const std::string& at, const char* member, Kind kind, const char* words) {
    const std::string id = id_field(object, member);
    if (id.empty()) return;
    found_.push_back({kind, id, at + '/' + member, std::string(words) + '[' + id + ']'});
  }

  void add_certificate(const Json& upstream, const std::string& at) {
    add(format::find_member(upstream, "tls"), at + "/tls", "client_cert_id", Kind::kSsl,
        "ssl info by ssl id ");
  }

  void add_upstream(const Json& object) {
    add(object, "", "upstream_id", Kind::kUpstream, "upstream info by upstream id ");
  }

  void add_service(const Json& object) {
    add(object, "", "service_id", Kind::kService, "service info by service id ");
  }

 private:
  std::vector<Reference> found_;
};

}  // namespace

std::string Reference::missing_text(int status) const {
  return "failed to fetch " + words + ", response code: " + std::to_string(status);
}

std::string Reference::unknown_text(const std::string& why) const {
  return "failed to fetch " + words + ": " + why;
}

std::string Reference::wrong_ssl_type_text() const {
  return "failed to fetch " + words + ", wrong ssl type";
}

std::vector<Reference> references_of(Kind kind, const Json& object) {
  References references;
  switch (kind) {
    case Kind::kRoute:
      references.add_certificate(format::find_member(object, "upstream"), "/upstream");
      references.add_upstream(object);
      references.add_service(object);
      references.add(object, "", "plugin_config_id", Kind::kPluginConfig,
                     "plugin config info by plugin config id ");
      break;
    case Kind::kService:
      references.add_certificate(format::find_member(object, "upstream"), "/upstream");
      references.add_upstream(object);
      break;
    case Kind::kUpstream:
      references.add_certificate(object, "");
      break;
    case Kind::kStreamRoute:
      references.add_upstream(object);
      references.add_service(object);
      references.add(format::find_member(object, "protocol"), "/protocol", "superior_id", Kind::kStreamRoute,
                     "stream routes");
      break;
    case Kind::kConsumer:
      references.add(object, "", "group_id", Kind::kConsumerGroup,
                     "consumer group info by consumer group id ");
      break;
    default:
      break;
  }
  return references.take();
}

}  // namespace apisix::resource
