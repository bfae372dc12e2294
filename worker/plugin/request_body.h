// The fields of a request body that was read: $post_arg_<name> and $post_arg.<path>. Parsed at first use,
// once per request, by Content-Type: JSON, urlencoded forms, multipart forms.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "shared/format/json.h"

namespace apisix::base {
class Arena;
}

namespace apisix::plugin {

class RequestBody {
 public:
  // What was read; lives as long as the request.
  void set(std::string_view bytes, std::string_view content_type);
  bool is_read() const { return is_read_; }
  std::string_view bytes() const { return bytes_; }

  // A condition wants a field of it: the pipeline reads it and matches again.
  void ask_for() { is_wanted_ = true; }
  bool is_wanted() const { return is_wanted_; }
  // It will not be read (too long): its fields are unset.
  void give_up() { is_read_ = true; }

  // The first field of that name of a urlencoded form, decoded.
  std::optional<std::string_view> form_field(std::string_view name, base::Arena& arena) const;
  // By dotted path or JSONPath; an array of results when the path can lead to several. Null: nothing there.
  const format::Json* field(std::string_view path);

 private:
  const format::Json* parse();

  std::string_view bytes_;
  std::string_view content_type_;
  std::unique_ptr<format::Json> fields_;  // null until parsed; a JSON null when it cannot be
  std::unique_ptr<format::Json> results_;
  bool is_read_ = false;
  bool is_wanted_ = false;
};

}  // namespace apisix::plugin
