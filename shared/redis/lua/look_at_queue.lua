-- Says how a queue and the workers that serve it stand.
--
-- KEYS  1 queue   2 bell interactive   3 bell batch   4 workers (zset id → last beat, in Redis ms)
-- ARGV  1 how long a beat counts, in ms
-- Returns {jobs that are due, ms for which the oldest of them has been, jobs in work or deferred,
--          length of the two bells, workers alive, their slots, slots busy}

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local due = redis.call('ZCOUNT', KEYS[1], '-inf', now)
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
local workers, slots, busy = 0, 0, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], now - tonumber(ARGV[1]), '+inf')) do
  local beat = redis.call('HMGET', 'sentinel:worker:' .. id, 'slots', 'busy')
  workers = workers + 1
  slots = slots + tonumber(beat[1] or 0)
  busy = busy + tonumber(beat[2] or 0)
end
return {due, due > 0 and now - tonumber(oldest) or 0, redis.call('ZCARD', KEYS[1]) - due,
  redis.call('LLEN', KEYS[2]), redis.call('LLEN', KEYS[3]), workers, slots, busy}
