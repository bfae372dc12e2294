// The objects that an object names by their ids. Whether they exist is asked where the store is: admin/ and
// config/; the texts for when they do not are here.
#pragma once

#include <string>
#include <vector>

#include "shared/format/json.h"
#include "shared/resource/kind.h"

namespace apisix::resource {

struct Reference {
  Kind kind;
  std::string id;
  std::string pointer;  // where it is written: "/upstream/tls/client_cert_id"
  std::string words;    // "upstream info by upstream id [1]"

  // "failed to fetch upstream info by upstream id [1], response code: 404".
  std::string missing_text(int status = 404) const;
  // The store did not reply: "failed to fetch upstream info by upstream id [1]: <why>".
  std::string unknown_text(const std::string& why) const;
  // Of an SSL object that is not of type client.
  std::string wrong_ssl_type_text() const;
};

// In the order in which APISIX looks them up. `object` passed validate().
std::vector<Reference> references_of(Kind kind, const format::Json& object);

}  // namespace apisix::resource
