#include "worker/lua_upstream.h"

#include <string>

#include "shared/format/read.h"
#include "worker/lua/runtime.h"
#include "worker/lua/tool_host.h"

namespace apisix::worker {
namespace {

using format::find_member;
using format::Json;

Json described(const proxy::LocalRequest& request) {
  Json out(::Json::objectValue);
  out["method"] = std::string(request.method);
  out["path"] = std::string(request.raw_path);
  out["query"] = std::string(request.query);
  out["body"] = request.body;
  Json& headers = out["headers"] = Json(::Json::arrayValue);
  for (const auto& field : *request.headers) {
    Json pair(::Json::arrayValue);
    pair.append(std::string(field.name));
    pair.append(std::string(field.value));
    headers.append(std::move(pair));
  }
  return out;
}

proxy::LocalResponse failed(const std::string& what) {
  return {500, "text/plain", what, {}};
}

}  // namespace

async::Task<proxy::LocalResponse> LuaUpstream::serve(const proxy::LocalRequest& request) {
  auto state = deps_.shared<lua::Runtime>().state();
  if (!state) co_return failed(state.error().what);
  auto made = co_await lua::call(*state, "gateway.tool.upstream", "respond", described(request));
  if (!made) co_return failed(made.error().what);
  proxy::LocalResponse response;
  response.status = format::integer_of<int>(find_member(*made, "status")).value_or(200);
  response.content_type = format::string_of(find_member(*made, "content_type"));
  response.body = format::string_of(find_member(*made, "body"));
  for (const Json& pair : find_member(*made, "headers"))
    response.headers.emplace_back(format::string_of(pair[0]), format::string_of(pair[1]));
  co_return response;
}

}  // namespace apisix::worker
