-- Notes that a question never again gets an entry's answer, or takes that back.
--
-- KEYS  1 wrong pairs of the tenant (zset `<question>|<entry>` → when, in Redis ms)
-- ARGV  1 the pair   2 1 to bar it, 0 to allow it again   3 most pairs kept   4 lifetime, in ms
-- Returns 1 when that changed something.

if ARGV[2] == '0' then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local new = redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return new
