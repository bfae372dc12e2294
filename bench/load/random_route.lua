-- wrk script: GET /r/<n> with n random below the first argument; 4096 requests are prepared beforehand.
local requests = {}
local at = 0

function init(arguments)
  local routes = tonumber(arguments[1]) or 1
  math.randomseed(7)
  for i = 1, 4096 do
    requests[i] = wrk.format("GET", "/r/" .. math.random(0, routes - 1))
  end
end

function request()
  at = at % 4096 + 1
  return requests[at]
end
