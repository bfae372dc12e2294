// What a validation found: the text that APISIX's clients get, and the list of faults.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shared/format/schema.h"

namespace apisix::resource {

struct Validation {
  std::string error_msg;              // APISIX's text for the first fault; "" = valid
  std::vector<format::Fault> faults;  // all of them; empty exactly when error_msg is

  bool ok() const { return error_msg.empty(); }

  // Adds a fault; the first gives the text.
  void add(std::string text, format::Fault fault) {
    if (error_msg.empty()) error_msg = std::move(text);
    faults.push_back(std::move(fault));
  }
  // Adds what was found in the member at `pointer`, `prefix` before its text.
  void add_within(const std::string& pointer, const std::string& prefix, Validation inner) {
    if (error_msg.empty() && !inner.ok()) error_msg = prefix + inner.error_msg;
    for (format::Fault& fault : inner.faults) {
      fault.pointer.insert(0, pointer);
      faults.push_back(std::move(fault));
    }
  }
};

}  // namespace apisix::resource
