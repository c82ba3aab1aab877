-- Hands a job back, unfinished and uncounted: a planned stop is no failed try.
--
-- KEYS  1 queue   2 bell of the class   3 what the worker holds (set)
-- ARGV  1 job id   2 fence token
-- Returns 1 when handed back, 2 when a doubt was counted as well, 0 when the token is not the current one.
--
-- A question that had been sent may be billed although its answer was not awaited: the doubt is counted.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'fence', 'state', 'created_at', 'sent')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
redis.call('HSET', job, 'state', 'queued', 'fence', '')
if record[4] then
  redis.call('HINCRBY', job, 'doubts', 1)
  redis.call('HDEL', job, 'sent')
end
redis.call('DEL', 'arq:in-progress:' .. id)
redis.call('DECR', 'arq:retry:' .. id)
redis.call('SREM', KEYS[3], id)
redis.call('ZADD', KEYS[1], record[3], id)
-- At the head: it has waited longer than anything behind it.
redis.call('LPUSH', KEYS[2], id)
return record[4] and 2 or 1
