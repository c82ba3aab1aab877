-- Notes that an ingress lives, and counts those that do.
--
-- KEYS  1 ingresses (zset id → last word, in Redis ms)
-- ARGV  1 ingress id   2 how long a word counts, in ms
-- Returns how many there are, this one included.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
