-- Says that a worker lives and how busy it is, and adds up what the fleet can do.
--
-- KEYS  1 workers (zset id → last beat, in Redis ms)   2 the worker's hash   3 throughput of the fleet
--       4 what `arq --check` looks for
-- ARGV  1 worker id   2 how long the beat counts, in ms   3.. field, value pairs; `per_s` is its throughput
-- Returns {how an operator wants it to go on: '', quiet or drain; the classes of jobs that are paused...};
--         forgets workers that have been silent for a hundred beats.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local life = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 100 * life)
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[2], life)

local per_s = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], now - life, '+inf')) do
  per_s = per_s + tonumber(redis.call('HGET', 'sentinel:worker:' .. id, 'per_s') or 0)
end
redis.call('SET', KEYS[3], string.format('%.3f', per_s), 'PX', life)
redis.call('SET', KEYS[4], ARGV[1] .. ' ' .. table.concat({unpack(ARGV, 3)}, ' '), 'PX', life)
return {redis.call('GET', 'sentinel:wish:' .. ARGV[1]) or '', unpack(redis.call('SMEMBERS', 'sentinel:paused'))}
