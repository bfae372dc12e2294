// Variables: the values of one request's variables, resolved at the first read. One registry serves the
// router's conditions, the log format and templates. Values are views into the request; what has to be
// made (numbers, joined lists) is made in the request's arena.
#pragma once

#include <optional>
#include <string_view>

#include "worker/plugin/request.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

// Reads names that are found nowhere else: variables that scripts have registered. The text lives as long as
// the request.
struct RegisteredVariables {
  std::optional<std::string_view> (*read)(void* context, RequestState& request,
                                          std::string_view name) = nullptr;
  void* context = nullptr;
};

class Variables final : public route::VariableReader {
 public:
  explicit Variables(RequestState& request) : request_(request) {}
  explicit Variables(Request& request) : request_(RequestState::of(request)) {}

  // nullopt: unset. Cheap to make: it holds a reference only.
  std::optional<std::string_view> read(const route::VariableName& name) override;
  const format::Json* read_value(const route::VariableName& name) override;
  // One for the process.
  static void set_registered(const RegisteredVariables& registered) { registered_ = registered; }
  static void drop_registered(const void* context) {
    if (registered_.context == context) registered_ = {};
  }

  format::RegexBudget* regex_budget() override { return &request_.regex_budget; }

 private:
  std::optional<std::string_view> read_post_arg(const route::VariableName& name);
  std::optional<std::string_view> read_graphql(route::VariableKind kind);
  std::optional<std::string_view> read_custom(std::string_view name);
  std::optional<std::string_view> read_arg(std::string_view name);
  std::optional<std::string_view> read_family(const route::VariableName& name);
  std::optional<std::string_view> read_request(route::VariableKind kind);
  std::optional<std::string_view> read_connection(route::VariableKind kind);
  std::optional<std::string_view> read_client(route::VariableKind kind);
  std::optional<std::string_view> read_tls(route::VariableKind kind);
  std::optional<std::string_view> read_response(route::VariableKind kind);
  std::optional<std::string_view> read_upstream(route::VariableKind kind);
  std::optional<std::string_view> read_matched(route::VariableKind kind);

  static inline RegisteredVariables registered_;

  RequestState& request_;
};

}  // namespace apisix::plugin
