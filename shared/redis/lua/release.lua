-- Hands a job back, unfinished and uncounted: a planned stop is no failed try.
--
-- KEYS  1 queue   2 bell of the class
-- ARGV  1 job id   2 fence token
-- Returns 1 when handed back, 0 when the token is no longer the current one.

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'fence', 'state', 'created_at')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
redis.call('HSET', job, 'state', 'queued', 'fence', '')
redis.call('DEL', 'arq:in-progress:' .. id)
redis.call('DECR', 'arq:retry:' .. id)
redis.call('ZADD', KEYS[1], record[3], id)
-- At the head: it has waited longer than anything behind it.
redis.call('LPUSH', KEYS[2], id)
return 1
