-- Says that a worker lives and how busy it is.
--
-- KEYS  1 workers (zset id → last beat, in Redis ms)   2 the worker's hash
-- ARGV  1 worker id   2 how long the beat counts, in ms   3.. field, value pairs
-- Returns nothing; forgets workers that have been silent for a hundred beats.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local life = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 100 * life)
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[2], life)
