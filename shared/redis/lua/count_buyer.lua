-- Notes that a tenant has bought an answer to a question, and counts those that have of late.
--
-- KEYS  1 tenants that bought one (zset tenant → Redis ms)
-- ARGV  1 tenant   2 for how long it counts, in ms
-- Returns how many tenants count now
--
-- Noting the same again changes nothing but the time.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
