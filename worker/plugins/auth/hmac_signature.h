// HmacSignature: the Authorization field of hmac-auth, taken apart:
//   Signature keyId="k",algorithm="hmac-sha256",headers="@request-target date",signature="base64"
// Pure: it views the field. Used by one plugin; a file of its own because the network feeds it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace apisix::plugins {

// A member that the field does not have is null (data() == nullptr); empty values are there and empty.
struct HmacSignature {
  std::string_view key_id;
  std::string_view algorithm;
  std::string_view headers;  // names with spaces between them
  std::string_view signature;

  std::vector<std::string_view> header_names() const;
};

// Why these names cannot be signed: one is there twice, in whatever case and with '_' for '-', so that its
// values would be signed again and again, or there are too many (limits::kSignedHeadersMax). Empty: they can.
std::string fault_of_names(std::span<const std::string_view> names);

// nullopt: the field is of another scheme. Of a member that is given twice the last counts; what is no
// member is skipped.
std::optional<HmacSignature> parse_hmac_signature(std::string_view field);

}  // namespace apisix::plugins
