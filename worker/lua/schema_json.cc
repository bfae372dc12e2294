#include "worker/lua/schema_json.h"

#include <array>
#include <string>

#include "shared/format/read.h"
#include "worker/lua/json_text.h"
#include "worker/lua/json_value.h"
#include "worker/lua/limits.h"

namespace apisix::lua {
namespace {

using format::Json;

enum class Keyword { kValue, kSchema, kSchemas, kNamedSchemas, kDependencies, kItems, kList };

struct KnownKeyword {
  std::string_view name;
  Keyword keyword;
};

constexpr auto kKeywords = std::to_array<KnownKeyword>({
    {"properties", Keyword::kNamedSchemas},
    {"patternProperties", Keyword::kNamedSchemas},
    {"definitions", Keyword::kNamedSchemas},
    {"dependencies", Keyword::kDependencies},
    {"items", Keyword::kItems},
    {"additionalItems", Keyword::kSchema},
    {"additionalProperties", Keyword::kSchema},
    {"propertyNames", Keyword::kSchema},
    {"contains", Keyword::kSchema},
    {"not", Keyword::kSchema},
    {"if", Keyword::kSchema},
    {"then", Keyword::kSchema},
    {"else", Keyword::kSchema},
    {"anyOf", Keyword::kSchemas},
    {"oneOf", Keyword::kSchemas},
    {"allOf", Keyword::kSchemas},
    {"required", Keyword::kList},
    {"enum", Keyword::kList},
    {"encrypt_fields", Keyword::kList},
});

Keyword keyword_of(std::string_view name) {
  for (const KnownKeyword& known : kKeywords) {
    if (known.name == name) return known.keyword;
  }
  return Keyword::kValue;
}

class SchemaReader {
 public:
  explicit SchemaReader(lua_State* lua) : lua_(lua) {}

  // The value on top, which stays.
  base::Result<Json> read(int depth) {
    if (!lua_istable(lua_, -1)) return to_json(lua_, lua_gettop(lua_));
    return read_members(depth, [this, depth](std::string_view name) { return read_keyword(name, depth); });
  }

 private:
  // An object of the named members of the table on top; `read_one` gets the name, its value is on top then.
  // A null result is left out.
  template <typename ReadOne>
  base::Result<Json> read_members(int depth, ReadOne read_one) {
    if (depth >= kSchemaDepthMax) return base::invalid("nested too deeply");
    luaL_checkstack(lua_, 8, "a schema is nested too deeply");
    Json out(::Json::objectValue);
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      // lua_next() wants the key as it is: text_at() converts nothing.
      if (lua_type(lua_, -2) == LUA_TSTRING) {
        const std::string name(text_at(lua_, -2));
        auto member = read_one(name);
        if (!member) {
          lua_pop(lua_, 2);
          return member;
        }
        if (!member->isNull()) out[name] = std::move(*member);
      }
      lua_pop(lua_, 1);
    }
    return out;
  }

  base::Result<Json> read_keyword(std::string_view name, int depth) {
    const bool is_table = lua_istable(lua_, -1);
    const bool is_list = is_table && lua_objlen(lua_, -1) > 0;
    switch (keyword_of(name)) {
      case Keyword::kSchema:
        return read(depth + 1);
      case Keyword::kItems:
        return is_list ? read_list(depth + 1) : read(depth + 1);
      case Keyword::kSchemas:
        // An empty table is an empty object in JSON, and no list at all.
        return is_list ? read_list(depth + 1) : Json();
      case Keyword::kNamedSchemas:
        if (!is_table) break;
        return read_members(depth + 1, [this, depth](std::string_view) { return read(depth + 2); });
      case Keyword::kDependencies:
        if (!is_table) break;
        return read_members(depth + 1,
                            [this, depth](std::string_view) { return read_dependency(depth + 2); });
      case Keyword::kList:
        return is_table && !is_list ? Json() : to_json(lua_, lua_gettop(lua_));
      case Keyword::kValue:
        break;
    }
    return to_json(lua_, lua_gettop(lua_));
  }

  // A schema, or a list of names.
  base::Result<Json> read_dependency(int depth) {
    if (lua_istable(lua_, -1) && lua_objlen(lua_, -1) > 0) return to_json(lua_, lua_gettop(lua_));
    return read(depth);
  }

  base::Result<Json> read_list(int depth) {
    if (depth >= kSchemaDepthMax) return base::invalid("nested too deeply");
    luaL_checkstack(lua_, 8, "a schema is nested too deeply");
    Json out(::Json::arrayValue);
    const int count = static_cast<int>(lua_objlen(lua_, -1));
    for (int i = 1; i <= count; ++i) {
      lua_rawgeti(lua_, -1, i);
      auto item = read(depth + 1);
      lua_pop(lua_, 1);
      if (!item) return item;
      out.append(std::move(*item));
    }
    return out;
  }

  lua_State* const lua_;
};

}  // namespace

base::Result<Json> schema_json(lua_State* lua, int index) {
  lua_pushvalue(lua, index);
  auto out = SchemaReader(lua).read(0);
  lua_pop(lua, 1);
  return out;
}

base::Result<Json> checked_json(lua_State* lua, int index) {
  lua_pushvalue(lua, index);
  std::string text;
  const std::string fault =
      encode_cjson(lua, {.sparse_becomes_object = true, .skips_unsupported = true}, text);
  lua_pop(lua, 1);
  if (!fault.empty()) return base::invalid(fault);
  return format::parse_json(text);
}

}  // namespace apisix::lua
