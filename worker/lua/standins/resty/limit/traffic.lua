-- resty.limit.traffic: several limits as one.
local M = { _VERSION = "0.09" }

function M.combine(limiters, keys, states)
    local longest = 0
    for i, limiter in ipairs(limiters) do
        local delay, err = limiter:incoming(keys[i], i == #limiters)
        if not delay then
            return nil, err
        end
        if states then
            states[i] = err
        end
        longest = math.max(longest, delay)
    end
    for i = 1, #limiters - 1 do
        local delay, err = limiters[i]:incoming(keys[i], true)
        if not delay then
            for j = 1, i - 1 do
                limiters[j]:uncommit(keys[j])
            end
            limiters[#limiters]:uncommit(keys[#limiters])
            return nil, err
        end
        longest = math.max(longest, delay)
    end
    return longest
end

return M
