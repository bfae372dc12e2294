// BodyFields: the fields of a request body that was read: $post_arg_<name> and $post_arg.<path>. Parsed at
// first use, once per request, by Content-Type: JSON, urlencoded forms, multipart forms. What parsing may
// cost is bounded for one body and for all bodies that are parsed at a time: over it the fields are unset, so
// that a condition on them does not hold, and that is counted and logged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "shared/base/arena.h"
#include "shared/format/json.h"
#include "shared/http/uri.h"

namespace apisix::plugin {

class BodyFields {
 public:
  BodyFields() = default;
  ~BodyFields();
  BodyFields(const BodyFields&) = delete;
  BodyFields& operator=(const BodyFields&) = delete;

  // What was read; lives as long as the request.
  void set(std::string_view bytes, std::string_view content_type);
  // Another body is there now: nothing of it is read yet.
  void reset();
  bool is_read() const { return is_read_; }
  std::string_view bytes() const { return bytes_; }

  // A condition wants a field of it: the pipeline reads it and matches again.
  void ask_for() { is_wanted_ = true; }
  bool is_wanted() const { return is_wanted_; }
  // It will not be read (longer than max_post_args_readable_size): its fields are unset.
  void give_up();
  // Bodies of this thread whose fields are unset because they were too long or had too many values.
  static std::uint64_t gave_up_total();

  // The first field of that name of a urlencoded form, decoded. Fields past the hundredth are not looked at,
  // as in APISIX.
  std::optional<std::string_view> form_field(std::string_view name, base::Arena& arena);
  // By dotted path or JSONPath; an array of results when the path can lead to several. Null: nothing there.
  const format::Json* field(std::string_view path);
  // The same as text, made once for each path: a string itself, anything else as JSON.
  std::optional<std::string_view> field_text(std::string_view path, base::Arena& arena);

 private:
  // What field_text() said of a path; in the arena.
  struct FieldText {
    std::string_view path;
    std::optional<std::string_view> text;
    const FieldText* next = nullptr;
  };

  const format::Json* parse();
  bool take_values(std::size_t count);

  std::string_view bytes_;
  std::string_view content_type_;
  std::unique_ptr<format::Json> fields_;  // null until parsed; a JSON null when it cannot be
  std::unique_ptr<format::Json> results_;
  http::QueryArgs form_;  // of a urlencoded form, once it was decoded
  const FieldText* texts_ = nullptr;
  std::size_t visits_left_ = 0;   // of those that all paths together may cost; set with fields_
  std::size_t values_taken_ = 0;  // of those that all parsed bodies of the worker may have
  bool form_is_decoded_ = false;
  bool is_read_ = false;
  bool is_wanted_ = false;
};

}  // namespace apisix::plugin
