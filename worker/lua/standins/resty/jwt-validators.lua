-- resty.jwt-validators: functions that check one claim, function(value, claim, jwt_json): false or an error
-- refuses. opt_NAME passes a claim that is not there; NAME refuses it.
local _M = { _VERSION = "0.2.4" }

local leeway_s = 0
local clock = ngx.now

local function refuse(...) error(string.format(...), 0) end

local function expect_type(value, wanted, what)
  if value == nil then refuse("Cannot create validator for nil %s.", what) end
  if type(value) ~= wanted then refuse("Cannot create validator for non-%s %s.", wanted, what) end
end

local function expect_list(values, item_type, what)
  expect_type(values, "table", what)
  if next(values) == nil then refuse("Cannot create validator for empty table %s.", what) end
  item_type = item_type or type(values[1])
  for _, value in ipairs(values) do
    if type(value) ~= item_type then refuse("Cannot create validator for non-%s table %s.", item_type, what) end
  end
  return item_type
end

local function expect_claim(value, wanted, claim)
  if type(value) ~= wanted then refuse("'%s' is malformed.  Expected to be a %s.", claim, wanted) end
end

function _M.chain(...)
  local steps = { ... }
  for _, step in ipairs(steps) do expect_type(step, "function", "chain_function") end
  return function(value, claim, jwt_json)
    for _, step in ipairs(steps) do
      if step(value, claim, jwt_json) == false then return false end
    end
    return true
  end
end

function _M.required(step)
  local function is_there(value, claim)
    if value == nil then refuse("'%s' claim is required.", claim) end
    return true
  end
  return step and _M.chain(is_there, step) or is_there
end

-- For the claim "__jwt": the whole object.
function _M.require_one_of(claims)
  expect_list(claims, "string", "claim_keys")
  return function(jwt, claim)
    expect_claim(jwt, "table", claim)
    expect_claim(jwt.payload, "table", claim .. ".payload")
    for _, name in ipairs(claims) do
      if jwt.payload[name] ~= nil then return true end
    end
    refuse("Missing one of claims - [ %s ].", table.concat(claims, ", "))
  end
end

local function define(name, make)
  _M["opt_" .. name] = make
  _M[name] = function(...) return _M.required(make(...)) end
end

define("check", function(wanted, compare, name, value_type)
  if wanted == nil then refuse("Cannot create validator for nil %s.", name or "check_val") end
  expect_type(compare, "function", "check_function")
  value_type = value_type or type(wanted)
  return function(value, claim)
    if value == nil then return true end
    expect_claim(value, value_type, claim)
    return compare(value, wanted)
  end
end)

define("any_of", function(wanted, compare, name, value_type, item_type)
  item_type = expect_list(wanted, item_type, name or "check_values")
  expect_type(compare, "function", "check_function")
  return _M.opt_check(wanted, function(value, list)
    for _, one in ipairs(list) do
      if compare(value, one) then return true end
    end
    return false
  end, name, value_type or item_type)
end)

local function is_equal(value, wanted) return value == wanted end
local function is_matched(value, pattern) return value:match(pattern) ~= nil end
local function contains(values, wanted)
  for _, value in pairs(values) do
    if value == wanted then return true end
  end
  return false
end

define("equals", function(wanted) return _M.opt_check(wanted, is_equal) end)
define("matches", function(pattern)
  expect_type(pattern, "string", "pattern")
  return _M.opt_check(pattern, is_matched, "pattern", "string")
end)
define("equals_any_of", function(wanted) return _M.opt_any_of(wanted, is_equal, "check_values") end)
define("matches_any_of", function(patterns)
  return _M.opt_any_of(patterns, is_matched, "patterns", "string", "string")
end)
define("contains_any_of", function(wanted, name) return _M.opt_any_of(wanted, contains, name, "table", "string") end)

local comparisons = {
  greater_than = function(value, wanted) return value > wanted end,
  greater_than_or_equal = function(value, wanted) return value >= wanted end,
  less_than = function(value, wanted) return value < wanted end,
  less_than_or_equal = function(value, wanted) return value <= wanted end,
}
for name, compare in pairs(comparisons) do
  define(name, function(wanted)
    expect_type(wanted, "number", "check_val")
    return _M.opt_check(wanted, compare, "check_val", "number")
  end)
end

local function is_time(value) return type(value) == "number" and value >= 0 end

function _M.set_system_leeway(leeway)
  if not is_time(leeway) then error("leeway must be a non-negative number", 0) end
  leeway_s = leeway
end

function _M.set_system_clock(new_clock)
  if type(new_clock) ~= "function" then error("clock must be a function", 0) end
  if not is_time(new_clock()) then error("clock function must return a non-negative number", 0) end
  clock = new_clock
end

local function define_time(name, is_good, what)
  define(name, function()
    return function(value, claim)
      if value == nil then return true end
      if not is_time(value) then
        refuse("'%s' is malformed.  Expected to be a positive numeric value.", claim)
      end
      if not is_good(value, clock()) then refuse("'%s' claim %s %s", claim, what, ngx.http_time(value)) end
      return true
    end
  end)
end

define_time("is_not_before", function(value, now) return value <= now + leeway_s end, "not valid until")
define_time("is_not_expired", function(value, now) return value > now - leeway_s end, "expired at")
define_time("is_at", function(value, now) return value >= now - leeway_s and value <= now + leeway_s end,
            "is only valid at")

return _M
