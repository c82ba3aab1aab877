-- Sets money aside for a shadow check, if the day's budget has room for it.
--
-- KEYS  1 money of the day's checks (string, picodollars)
-- ARGV  1 what the check may cost   2 the budget, both in picodollars   3 lifetime, in ms
-- Returns 1 when there was room, else 0.

local spent = tonumber(redis.call('GET', KEYS[1]) or 0)
if spent == nil then
  -- Nobody can say what was spent: then no more is.
  return 0
end
if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then
  return 0
end
redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
