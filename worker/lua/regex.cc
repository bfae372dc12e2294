// ngx.re: PCRE2 with the gateway's bounds on every match, options and results as in OpenResty. Compiled
// patterns are kept, whether the option "o" is there or not.
#include "shared/format/regex.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/lua/argument.h"
#include "worker/lua/binding.h"
#include "worker/lua/modules.h"
#include "worker/lua/run.h"

namespace apisix::lua {
namespace {

using format::Regex;
using Groups = std::vector<std::string_view>;

// Patterns are those of the code; a program that makes them up from requests does not fill the memory.
constexpr std::size_t kPatternsMax = 1024;
// PCRE2_ERROR_MATCHLIMIT.
constexpr std::string_view kGaveUp = "pcre_exec() failed: -47";

// As OpenResty's pcre2_compile() faults.
std::string fault_text(std::string_view pattern, const Regex::Fault& fault) {
  constexpr std::size_t kShownMax = 127;  // of OpenResty's buffer
  std::string out = "pcre2_compile() failed: " + fault.reason + " in \"" + std::string(pattern) + "\"";
  if (fault.offset < pattern.size()) out += " at \"" + std::string(pattern.substr(fault.offset)) + "\"";
  return out.substr(0, kShownMax);
}

std::shared_ptr<const Regex> compiled(std::string_view pattern, std::string_view letters,
                                      std::string& fault) {
  static thread_local std::unordered_map<std::string, std::shared_ptr<const Regex>> kept;
  std::string key(letters);
  key += '\n';
  key += pattern;
  if (const auto found = kept.find(key); found != kept.end()) return found->second;
  const auto options = format::RegexOptions::parse(letters);
  Regex::Fault where;
  auto regex = Regex::compile(pattern, *options, &where);
  if (!regex) {
    fault = where.reason.empty() ? regex.error().what : fault_text(pattern, where);
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
  format::RegexBudget own(format::RegexBudget::kRequestSteps + 2 * Regex::kStepsPerByte * subject.size());
  const bool is_in_request = run != nullptr && run->binding() != nullptr;
  format::RegexBudget& budget = is_in_request ? run->binding()->request().regex_budget() : own;
  const format::Match found = regex.search(subject, groups, budget, from);
  // \K can put the end of a match before its start: there is no sane text for that.
  return found == format::Match::kYes && groups[0].data() == nullptr ? format::Match::kNo : found;
}

bool is_utf(std::string_view letters) {
  return letters.find_first_of("uU") != letters.npos;
}

// Where to look for the match behind this one: behind an empty one by a character.
std::size_t start_behind(std::string_view subject, std::size_t end, bool is_empty, bool utf) {
  if (!is_empty) return end;
  ++end;
  while (utf && end < subject.size() && (subject[end] & 0xc0) == 0x80) ++end;
  return end;
}

struct Call {
  std::string_view subject;
  std::shared_ptr<const Regex> regex;
  bool has_lists = false;  // option "D": a name stands for a list of groups
  bool is_utf = false;
  std::string fault;
};

// The first letter that is no option.
void raise_bad_flag(lua_State* lua, std::string_view letters) {
  const auto bad = letters.find_first_not_of("adDijJmosuUx");
  const char letter[] = {letters[bad], '\0'};
  luaL_error(lua, "unknown flag \"%s\" (flags \"%s\")", letter, letters.data());
}

// ngx.re.x(subject, pattern, options at `options`).
Call read_call(lua_State* lua, int options) {
  Call call;
  call.subject = tostring_argument(lua, 1);
  const std::string_view pattern = check_text(lua, 2);
  const auto letters = lua_isnoneornil(lua, options) ? std::string_view{} : check_text(lua, options);
  if (!format::RegexOptions::parse(letters)) raise_bad_flag(lua, letters);
  call.has_lists = letters.contains('D');
  call.is_utf = is_utf(letters);
  call.regex = compiled(pattern, letters, call.fault);
  return call;
}

void push_group(lua_State* lua, std::string_view group) {
  if (group.data() == nullptr) return lua_pushboolean(lua, 0);
  push(lua, group);
}

// t[name] of the table on top gets one more.
void add_to_list(lua_State* lua, std::string_view name, std::string_view group) {
  push(lua, name);
  lua_rawget(lua, -2);
  if (lua_isnil(lua, -1)) {
    lua_pop(lua, 1);
    lua_newtable(lua);
    push(lua, name);
    lua_pushvalue(lua, -2);
    lua_rawset(lua, -4);
  }
  push(lua, group);
  lua_rawseti(lua, -2, static_cast<int>(lua_objlen(lua, -2)) + 1);
  lua_pop(lua, 1);
}

// {[0] = whole, captures, names}. A group that took no part is false.
void push_match(lua_State* lua, const Regex& regex, const Groups& groups, int into, bool has_lists) {
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
    const std::string_view group = number < groups.size() ? groups[number] : std::string_view{};
    if (has_lists) {
      if (group.data() != nullptr) add_to_list(lua, name, group);
      continue;
    }
    push(lua, name);
    push_group(lua, group);
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
      return push_error(lua, kGaveUp);
    case format::Match::kYes:
      break;
  }
  write_position(lua, 4, end_of(call.subject, groups[0]));
  push_match(lua, *call.regex, groups, lua_istable(lua, 5) ? 5 : 0, call.has_lists);
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
      return lua_pushnil(lua), push_error(lua, kGaveUp) + 1;
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
  if (found == format::Match::kGaveUp) return push_error(lua, kGaveUp);
  if (found == format::Match::kNo) return lua_pushnil(lua), 1;
  const std::size_t end = end_of(subject, groups[0]);
  const bool utf = is_utf(text_at(lua, lua_upvalueindex(3)));
  lua_pushinteger(lua, static_cast<lua_Integer>(start_behind(subject, end, groups[0].empty(), utf)));
  lua_replace(lua, lua_upvalueindex(4));
  push_match(lua, *regex, groups, 0, text_at(lua, lua_upvalueindex(3)).contains('D'));
  return 1;
}

int gmatch(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return push_error(lua, call.fault);
  lua_settop(lua, 3);  // a subject that was none is its text by now
  if (lua_isnil(lua, 3)) {
    push(lua, "");
    lua_replace(lua, 3);
  }
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_match, 4);
  return 1;
}

// gateway.regex: step(subject, pattern, options, from) -> match, where it begins, where it ends, where the
// next search begins: offsets.
int step(lua_State* lua) {
  const Call call = read_call(lua, 3);
  if (!call.regex) return push_error(lua, call.fault);
  const auto from = static_cast<std::size_t>(luaL_checkinteger(lua, 4));
  if (from > call.subject.size()) return lua_pushnil(lua), 1;
  Groups groups;
  const format::Match found = search(lua, *call.regex, call.subject, groups, from);
  if (found == format::Match::kGaveUp) return push_error(lua, kGaveUp);
  if (found == format::Match::kNo) return lua_pushnil(lua), 1;
  const std::size_t end = end_of(call.subject, groups[0]);
  push_match(lua, *call.regex, groups, 0, call.has_lists);
  lua_pushinteger(lua, groups[0].data() - call.subject.data());
  lua_pushinteger(lua, static_cast<lua_Integer>(end));
  lua_pushinteger(lua,
                  static_cast<lua_Integer>(start_behind(call.subject, end, groups[0].empty(), call.is_utf)));
  return 4;
}

// The text that takes the place of a match, onto `out`. Replacements by a function are
// gateway.regex_replace's.
class Replacement {
 public:
  explicit Replacement(lua_State* lua) : template_(tostring_argument(lua, 3)) {}

  // Of the template; "" when it is good.
  std::string fault() const {
    std::string ignored;
    std::string why;
    append({}, ignored, why);
    return why;
  }

  // $0 $1 ${12} and $$.
  bool append(const Groups& groups, std::string& out, std::string& fault) const {
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
        fault = "failed to compile the replacement template";
        return false;
      }
      if (number < groups.size()) out += groups[number];
      at = braced ? end : end - 1;
    }
    return true;
  }

 private:
  const std::string_view template_;
};

int replace(lua_State* lua, bool all) {
  const Call call = read_call(lua, 4);
  const Replacement replacement(lua);
  if (!call.regex) return lua_pushnil(lua), push_error(lua, call.fault) + 1;
  std::string out;
  std::string fault = replacement.fault();
  if (!fault.empty()) return lua_pushnil(lua), push_error(lua, fault) + 1;
  std::size_t copied = 0;
  int count = 0;
  for (std::size_t from = 0; from <= call.subject.size();) {
    Groups groups;
    const format::Match found = search(lua, *call.regex, call.subject, groups, from);
    if (found == format::Match::kGaveUp) return lua_pushnil(lua), push_error(lua, kGaveUp) + 1;
    if (found == format::Match::kNo) break;
    const std::size_t end = end_of(call.subject, groups[0]);
    out += call.subject.substr(copied,
                               static_cast<std::size_t>(groups[0].data() - call.subject.data()) - copied);
    if (!replacement.append(groups, out, fault)) return lua_pushnil(lua), push_error(lua, fault) + 1;
    copied = end;
    from = start_behind(call.subject, end, groups[0].empty(), call.is_utf);
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

// The pieces between matches, each followed by the first group of the match behind it, when it has one.
class Splitter {
 public:
  Splitter(lua_State* lua, const Call& call, std::size_t begin) : lua_(lua), call_(call), begin_(begin) {}

  // Onto the list on top. `pieces_max` 0: all. False: a match gave up.
  bool run(lua_Integer pieces_max) {
    Groups groups;
    lua_Integer pieces = 1;
    for (std::size_t from = begin_; pieces_max <= 0 || pieces < pieces_max;) {
      const format::Match found = search(lua_, *call_.regex, call_.subject, groups, from);
      if (found == format::Match::kGaveUp) return false;
      if (found == format::Match::kNo) break;
      const std::size_t end = end_of(call_.subject, groups[0]);
      from = start_behind(call_.subject, end, groups[0].empty(), call_.is_utf);
      if (add_before(groups, end)) ++pieces;
      if (begin_ >= call_.subject.size() && pieces > 1) break;
    }
    finish(pieces_max > 0);
    return true;
  }

 private:
  // After an empty match the next piece begins there, and a match that leaves no piece before it is skipped.
  bool add_before(const Groups& groups, std::size_t end) {
    const std::size_t start = end - groups[0].size();
    if (last_empty_) begin_ = *last_empty_;
    if (groups[0].empty()) last_empty_ = start;
    if (start <= begin_ && last_empty_) return false;
    add(call_.subject.substr(begin_, start - begin_));
    if (groups.size() > 1 && groups[1].data() != nullptr) add(groups[1]);
    begin_ = end;
    return true;
  }

  // Empty pieces at the end are dropped, unless their number was bounded.
  void finish(bool is_bounded) {
    if (is_bounded || begin_ < call_.subject.size()) {
      add(call_.subject.substr(std::min(begin_, call_.subject.size())));
      return;
    }
    for (; count_ > 0; --count_) {
      lua_rawgeti(lua_, -1, count_);
      const bool is_empty = text_at(lua_, -1).empty();
      lua_pop(lua_, 1);
      if (!is_empty) break;
      lua_pushnil(lua_);
      lua_rawseti(lua_, -2, count_);
    }
    end_list();
  }

  void add(std::string_view piece) {
    push(lua_, piece);
    lua_rawseti(lua_, -2, ++count_);
    end_list();
  }

  // The caller's table may have had more.
  void end_list() {
    lua_pushnil(lua_);
    lua_rawseti(lua_, -2, count_ + 1);
  }

  lua_State* const lua_;
  const Call& call_;
  std::size_t begin_;
  std::optional<std::size_t> last_empty_;
  int count_ = 0;
};

// require("ngx.re").split(subject, pattern, options, ctx, max, result)
int split(lua_State* lua) {
  lua_settop(lua, 6);
  const Call call = read_call(lua, 3);
  const auto pieces_max = luaL_optinteger(lua, 5, 0);
  if (lua_isnil(lua, 6)) {
    lua_newtable(lua);
    lua_replace(lua, 6);
  }
  if (!lua_istable(lua, 6)) return luaL_error(lua, "res is not a table");
  const std::size_t begin = read_position(lua, 4);
  if (begin >= call.subject.size()) {
    lua_pushnil(lua);
    lua_rawseti(lua, 6, 1);
    return 1;
  }
  if (!call.regex) return push_error(lua, call.fault);
  if (!Splitter(lua, call, begin).run(pieces_max)) return push_error(lua, kGaveUp);
  return 1;
}

int opt(lua_State* lua) {
  if (text_at(lua, 1) != "jit_stack_size") return luaL_error(lua, "unrecognized option name");
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

int load_step(lua_State* lua) {
  lua_newtable(lua);
  set_function(lua, "step", step);
  return 1;
}

}  // namespace

void open_regex(lua_State* ngx) {
  lua_newtable(ngx);
  set_functions(ngx);
  lua_setfield(ngx, -2, "re");
  preload(ngx, "ngx.re", load);
  preload(ngx, "gateway.regex", load_step);
}

}  // namespace apisix::lua
