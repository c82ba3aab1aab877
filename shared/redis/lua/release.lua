-- Hands a job back, unfinished and uncounted: a planned stop is no failed try.
--
-- KEYS  1 queue   2 bell of the class   3 what the worker holds (set)
-- ARGV  1 job id   2 fence token   3 '' to ring for it at once, or in how many ms a scan may find it
-- Returns 1 when handed back, 2 when a doubt was counted as well, 0 when the token is not the current one.
--
-- A question that had been sent may be billed although its answer was not awaited: the doubt is counted.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include ledger

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'fence', 'state', 'created_at', 'sent', 'tries', 'doubts', 'tenant',
  'key_id', 'model', 'reserved')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
local clock = redis.call('TIME')
local doubted = tonumber(record[4] or '') or 0
redis.call('HSET', job, 'state', 'queued', 'fence', '', 'sent', '',
  'tries', tonumber(record[5] or 1) - 1, 'doubts', tonumber(record[6] or 0) + doubted)
if doubted > 0 then
  book_doubts(clock[1], record[7], record[8], record[9], record[10], doubted)
end
redis.call('DEL', 'arq:in-progress:' .. id)
redis.call('SREM', KEYS[3], id)
if ARGV[3] == '' then
  redis.call('ZADD', KEYS[1], record[3], id)
  -- At the head: it has waited longer than anything behind it.
  redis.call('LPUSH', KEYS[2], id)
else
  redis.call('ZADD', KEYS[1], clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[3]), id)
end
return doubted > 0 and 2 or 1
