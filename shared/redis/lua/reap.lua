-- Takes the jobs of a dead worker back at once, instead of waiting for its leases to end.
--
-- KEYS  1 queue   2 what the worker held (set)   3 bell interactive   4 bell batch
-- ARGV  1 worker id
-- Returns the ids taken back.
--
-- Should the worker live after all, its fence tokens are worth nothing from here on. Its tries count, and so
-- does the doubt about what it had sent, at the next claim.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local taken = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  local job = 'sentinel:job:' .. id
  local record = redis.call('HMGET', job, 'worker', 'state', 'class')
  if record[1] == ARGV[1] and record[2] == 'in_progress' then
    redis.call('HSET', job, 'state', 'queued', 'fence', '')
    redis.call('DEL', 'arq:in-progress:' .. id)
    redis.call('ZADD', KEYS[1], now, id)
    redis.call('LPUSH', record[3] == 'batch' and KEYS[4] or KEYS[3], id)
    taken[#taken + 1] = id
  end
end
redis.call('DEL', KEYS[2])
return taken
