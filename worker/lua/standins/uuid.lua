-- uuid: random ones (version 4).
local generate = require("resty.jit-uuid").generate_v4

local M = { _VERSION = "1.0.0" }

function M.new() return generate() end
M.v4 = M.new
function M.seed() end
function M.randomseed() end
function M.set_rng() end

return setmetatable(M, { __call = function() return generate() end })
