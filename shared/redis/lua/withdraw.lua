-- Takes one caller's interest in a job away, and ends the job when nobody else has any.
--
-- KEYS  1 queue
-- ARGV  1 job id   2 whose interest ends   3 whose interest begins instead, '' for nobody
--       4 '1' to stop a job in work that nobody wants, '0' to let it finish
--       5 outcome of a cancelled job   6 how long it is kept, in ms   7 announcement
-- Returns {verdict, state}
--   'wanted'    somebody is still interested, or the job was to be let finish
--   'cancelled' nobody was: it is settled as cancelled, and its holder told
--   'settled'   it had settled before; 'unknown' there is no such job
--
-- Settling here beats the holder: its token no longer fits a job that is not in progress.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'state', 'flight', 'worker', 'deadline_at', 'sent')
local state = record[1]
if not state then
  return {'unknown', ''}
end
if state ~= 'queued' and state ~= 'in_progress' then
  return {'settled', state}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local waiters = 'sentinel:waiters:' .. id
redis.call('ZREM', waiters, ARGV[2])
if ARGV[3] ~= '' then
  redis.call('ZADD', waiters, record[4] or now, ARGV[3])
end
if redis.call('ZCOUNT', waiters, now, '+inf') > 0 or (state == 'in_progress' and ARGV[4] == '0') then
  return {'wanted', state}
end

redis.call('SET', 'arq:result:' .. id, ARGV[5], 'PX', ARGV[6])
redis.call('HSET', job, 'state', 'cancelled', 'completed_at', string.format('%.0f', now), 'fence', '')
if record[5] then
  redis.call('HINCRBY', job, 'doubts', 1)
  redis.call('HDEL', job, 'sent')
end
redis.call('PEXPIRE', job, ARGV[6])
redis.call('DEL', 'arq:job:' .. id, 'arq:in-progress:' .. id, 'arq:retry:' .. id, waiters)
redis.call('ZREM', KEYS[1], id)
if record[2] and redis.call('GET', record[2]) == id then
  redis.call('DEL', record[2])
end
if state == 'in_progress' and record[3] then
  redis.call('SREM', 'sentinel:held:' .. record[3], id)
  redis.call('PUBLISH', 'sentinel:control:' .. record[3], ARGV[7])
end
return {'cancelled', 'cancelled'}
