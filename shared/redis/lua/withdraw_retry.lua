-- Puts into the fleet's retry budget what questions have earned, and takes one retry out if it is there.
--
-- KEYS  1 budget (string: retries, with fractions)
-- ARGV  1 earned, in retries   2 what a budget holds that nobody has written yet   3 the most that it may hold
-- Returns {granted 1|0, left (string)}

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local left = tonumber(redis.call('GET', KEYS[1]) or '')
if not left or left ~= left then
  left = tonumber(ARGV[2])
end
left = math.min(tonumber(ARGV[3]), left + tonumber(ARGV[1]))
local granted = left >= 1 and 1 or 0
left = left - granted
redis.call('SET', KEYS[1], string.format('%.17g', left), 'PX', 3600000)
return {granted, string.format('%.17g', left)}
