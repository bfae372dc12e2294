// ngx.re: PCRE2 with the gateway's bounds on every match, options and results as in OpenResty. Compiled
// patterns are kept, whether the option "o" is there or not.
#include "shared/format/regex.h"

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/lua/binding.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

using format::Regex;
using Groups = std::vector<std::string_view>;

// Patterns are those of the code; a program that makes them up from requests does not fill the memory.
constexpr std::size_t kPatternsMax = 1024;

std::shared_ptr<const Regex> compiled(std::string_view pattern, std::string_view letters,
                                      std::string& fault) {
  static thread_local std::unordered_map<std::string, std::shared_ptr<const Regex>> kept;
  std::string key(letters);
  key += '\n';
  key += pattern;
  if (const auto found = kept.find(key); found != kept.end()) return found->second;
  const auto options = format::RegexOptions::parse(letters);
  if (!options) {
    fault = options.error().what;
    return nullptr;
  }
  auto regex = Regex::compile(pattern, *options);
  if (!regex) {
    fault = regex.error().what;
    return nullptr;
  }
  if (kept.size() >= kPatternsMax) kept.clear();
  return kept.emplace(std::move(key), std::make_shared<const Regex>(std::move(*regex))).first->second;
}

// What a request's patterns may cost together; outside of one each match has a budget of its own.
format::Match search(lua_State* lua, const Regex& regex, std::string_view subject, Groups& groups,
                     std::size_t from) {
  groups.assign(regex.group_count() + 1, {});
  const Run* run = State::of(lua).current();
  if (run != nullptr && run->binding() != nullptr) {
    return regex.search(subject, groups, run->binding()->request().regex_budget(), from);
  }
  return regex.search(subject, groups, from) ? format::Match::kYes : format::Match::kNo;
}

struct Call {
  std::string_view subject;
  std::shared_ptr<const Regex> regex;
  std::string fault;
};

// ngx.re.x(subject, pattern, options at `options`).
Call read_call(lua_State* lua, int options) {
  Call call;
  call.subject = check_text(lua, 1);
  const std::string_view pattern = check_text(lua, 2);
  call.regex = compiled(
      pattern, lua_isnoneornil(lua, options) ? std::string_view{} : check_text(lua, options), call.fault);
  return call;
}

void push_group(lua_State* lua, std::string_view group) {
  if (group.data() == nullptr) return lua_pushboolean(lua, 0);
  push(lua, group);
}

// {[0] = whole, captures, names}. A group that took no part is false.
void push_match(lua_State* lua, const Regex& regex, const Groups& groups, int into) {
  if (into != 0) {
    lua_pushvalue(lua, into);
  } else {
    lua_createtable(lua, static_cast<int>(groups.size()), 1);
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    push_group(lua, groups[i]);
    lua_rawseti(lua, -2, static_cast<int>(i));
  }
  for (const auto& [name, number] : regex.names()) {
    push(lua, name);
    push_group(lua, number < groups.size() ? groups[number] : std::string_view{});
    lua_rawset(lua, -3);
  }
}

// ctx.pos of the table at `index`: where the match begins, from 1; it is moved behind the match.
std::size_t read_position(lua_State* lua, int index) {
  if (!lua_istable(lua, index)) return 0;
  lua_getfield(lua, index, "pos");
  const auto at = lua_tointeger(lua, -1);
  lua_pop(lua, 1);
  return at > 1 ? static_cast<std::size_t>(at) - 1 : 0;
}

void write_position(lua_State* lua, int index, std::size_t behind) {
  if (!lua_istable(lua, index)) return;
  lua_pushinteger(lua, static_cast<lua_Integer>(behind) + 1);
  lua_setfield(lua, index, "pos");
}

std::size_t end_of(std::string_view subject, std::string_view group) {
  return static_cast<std::size_t>(group.data() - subject.data()) + group.size();
}

int match(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return push_error(lua, call.fault);
  const std::size_t from = read_position(lua, 4);
  Groups groups;
  if (from > call.subject.size()) return lua_pushnil(lua), 1;
  switch (search(lua, *call.regex, call.subject, groups, from)) {
    case format::Match::kNo:
      lua_pushnil(lua);
      return 1;
    case format::Match::kGaveUp:
      return push_error(lua, "pcre_exec() failed: -8");
    case format::Match::kYes:
      break;
  }
  write_position(lua, 4, end_of(call.subject, groups[0]));
  push_match(lua, *call.regex, groups, lua_istable(lua, 5) ? 5 : 0);
  return 1;
}

int find(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return lua_pushnil(lua), push_error(lua, call.fault) + 1;
  const std::size_t from = read_position(lua, 4);
  const auto group = static_cast<std::size_t>(luaL_optinteger(lua, 5, 0));
  Groups groups;
  if (from > call.subject.size()) return lua_pushnil(lua), 1;
  switch (search(lua, *call.regex, call.subject, groups, from)) {
    case format::Match::kNo:
      lua_pushnil(lua);
      return 1;
    case format::Match::kGaveUp:
      return lua_pushnil(lua), push_error(lua, "pcre_exec() failed: -8") + 1;
    case format::Match::kYes:
      break;
  }
  write_position(lua, 4, end_of(call.subject, groups[0]));
  if (group >= groups.size()) return lua_pushnil(lua), push_error(lua, "nth out of bound") + 1;
  if (groups[group].data() == nullptr) return lua_pushnil(lua), 1;
  lua_pushinteger(lua, groups[group].data() - call.subject.data() + 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(end_of(call.subject, groups[group])));
  return 2;
}

// Upvalues: subject, pattern, options, the place to go on.
int next_match(lua_State* lua) {
  const std::string_view subject = text_at(lua, lua_upvalueindex(1));
  std::string fault;
  const auto regex = compiled(text_at(lua, lua_upvalueindex(2)), text_at(lua, lua_upvalueindex(3)), fault);
  const auto from = static_cast<std::size_t>(lua_tointeger(lua, lua_upvalueindex(4)));
  Groups groups;
  if (!regex || from > subject.size()) return lua_pushnil(lua), 1;
  const format::Match found = search(lua, *regex, subject, groups, from);
  if (found == format::Match::kGaveUp) return push_error(lua, "pcre_exec() failed: -8");
  if (found == format::Match::kNo) return lua_pushnil(lua), 1;
  const std::size_t end = end_of(subject, groups[0]);
  lua_pushinteger(lua, static_cast<lua_Integer>(groups[0].empty() ? end + 1 : end));
  lua_replace(lua, lua_upvalueindex(4));
  push_match(lua, *regex, groups, 0);
  return 1;
}

int gmatch(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return push_error(lua, call.fault);
  lua_settop(lua, 3);
  if (lua_isnil(lua, 3)) {
    push(lua, "");
    lua_replace(lua, 3);
  }
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 4);
  return 1;
}

// The text that takes the place of a match, onto `out`: a template or what a function gives.
class Replacement {
 public:
  explicit Replacement(lua_State* lua) : lua_(lua), is_function_(lua_isfunction(lua, 3)) {
    if (!is_function_) template_ = check_text(lua, 3);
  }

  bool append(const Regex& regex, const Groups& groups, std::string& out, std::string& fault) const {
    if (!is_function_) return expand(groups, out, fault);
    lua_pushvalue(lua_, 3);
    push_match(lua_, regex, groups, 0);
    lua_call(lua_, 1, 1);
    std::size_t bytes = 0;
    const char* text = lua_tolstring(lua_, -1, &bytes);
    if (text == nullptr) {
      luaL_error(lua_, "string or number expected to be returned by the replace function, got %s",
                 luaL_typename(lua_, -1));
    }
    out.append(text, bytes);
    lua_pop(lua_, 1);
    return true;
  }

 private:
  // $0 $1 ${12} and $$.
  bool expand(const Groups& groups, std::string& out, std::string& fault) const {
    for (std::size_t at = 0; at < template_.size(); ++at) {
      if (template_[at] != '$') {
        out += template_[at];
        continue;
      }
      ++at;
      if (at < template_.size() && template_[at] == '$') {
        out += '$';
        continue;
      }
      const bool braced = at < template_.size() && template_[at] == '{';
      std::size_t end = at + (braced ? 1 : 0);
      std::size_t number = 0;
      const std::size_t first = end;
      while (end < template_.size() && template_[end] >= '0' && template_[end] <= '9' && end - first < 4) {
        number = number * 10 + static_cast<std::size_t>(template_[end++] - '0');
      }
      if (end == first || (braced && (end >= template_.size() || template_[end] != '}'))) {
        fault = "attempt to use named capturing variable \"" + std::string(template_.substr(at)) +
                "\" (named captures not supported yet)";
        return false;
      }
      if (number < groups.size()) out += groups[number];
      at = braced ? end : end - 1;
    }
    return true;
  }

  lua_State* const lua_;
  const bool is_function_;
  std::string_view template_;
};

int replace(lua_State* lua, bool all) {
  const Call call = read_call(lua, 4);
  const Replacement replacement(lua);
  if (!call.regex) return lua_pushnil(lua), push_error(lua, call.fault) + 1;
  std::string out;
  std::string fault;
  std::size_t copied = 0;
  int count = 0;
  for (std::size_t from = 0; from <= call.subject.size();) {
    Groups groups;
    const format::Match found = search(lua, *call.regex, call.subject, groups, from);
    if (found == format::Match::kGaveUp)
      return lua_pushnil(lua), push_error(lua, "pcre_exec() failed: -8") + 1;
    if (found == format::Match::kNo) break;
    const std::size_t end = end_of(call.subject, groups[0]);
    out += call.subject.substr(copied,
                               static_cast<std::size_t>(groups[0].data() - call.subject.data()) - copied);
    if (!replacement.append(*call.regex, groups, out, fault))
      return lua_pushnil(lua), push_error(lua, fault) + 1;
    copied = end;
    from = groups[0].empty() ? end + 1 : end;
    ++count;
    if (!all) break;
  }
  out += call.subject.substr(std::min(copied, call.subject.size()));
  push(lua, out);
  lua_pushinteger(lua, count);
  return 2;
}

int sub(lua_State* lua) {
  return replace(lua, false);
}
int gsub(lua_State* lua) {
  return replace(lua, true);
}

// ngx.re.split(subject, pattern, options, ctx, max, result)
int split(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return push_error(lua, call.fault);
  const auto pieces_max = luaL_optinteger(lua, 5, 0);
  const bool has_result = lua_istable(lua, 6);
  has_result ? lua_pushvalue(lua, 6) : lua_newtable(lua);
  int count = 0;
  const auto add = [&](std::string_view piece) {
    push(lua, piece);
    lua_rawseti(lua, -2, ++count);
  };
  std::size_t begin = read_position(lua, 4);
  for (std::size_t from = begin; from < call.subject.size() && (pieces_max <= 0 || count + 1 < pieces_max);) {
    Groups groups;
    const format::Match found = search(lua, *call.regex, call.subject, groups, from);
    if (found == format::Match::kGaveUp) return push_error(lua, "pcre_exec() failed: -8");
    if (found == format::Match::kNo) break;
    const auto start = static_cast<std::size_t>(groups[0].data() - call.subject.data());
    const std::size_t end = end_of(call.subject, groups[0]);
    if (groups[0].empty()) {
      // Between two characters.
      if (start >= call.subject.size()) break;
      if (start == begin) {
        from = start + 1;
        if (from >= call.subject.size()) break;
        add(call.subject.substr(begin, 1));
        begin = from;
        continue;
      }
    }
    add(call.subject.substr(begin, start - begin));
    for (std::size_t i = 1; i < groups.size(); ++i) {
      if (groups[i].data() != nullptr) add(groups[i]);
    }
    begin = end;
    from = groups[0].empty() ? end + 1 : end;
  }
  add(call.subject.substr(std::min(begin, call.subject.size())));
  if (has_result) {
    lua_pushnil(lua);
    lua_rawseti(lua, -2, count + 1);
  }
  return 1;
}

int opt(lua_State*) {
  return 0;  // the bounds on matches are the gateway's
}

void set_functions(lua_State* lua) {
  set_function(lua, "match", match);
  set_function(lua, "find", find);
  set_function(lua, "gmatch", gmatch);
  set_function(lua, "sub", sub);
  set_function(lua, "gsub", gsub);
  set_function(lua, "opt", opt);
}

// require("ngx.re"): the functions that are not part of `ngx.re` itself.
int load(lua_State* lua) {
  lua_newtable(lua);
  set_functions(lua);
  set_function(lua, "split", split);
  push(lua, "0.1.28");
  lua_setfield(lua, -2, "version");
  return 1;
}

}  // namespace

void open_regex(lua_State* ngx) {
  lua_newtable(ngx);
  set_functions(ngx);
  lua_setfield(ngx, -2, "re");
  preload(ngx, "ngx.re", load);
}

}  // namespace apisix::lua
