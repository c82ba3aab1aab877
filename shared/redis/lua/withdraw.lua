-- Takes one caller's interest in a job away, or everybody's, and ends the job when nobody else has any.
--
-- KEYS  1 queue
-- ARGV  1 job id   2 whose interest ends, '*' for everybody's   3 whose interest begins instead, '' for nobody
--       4 '1' to stop a job in work that nobody wants, '0' to let it finish
--       5 outcome of a cancelled job   6 how long it is kept, in ms   7 announcement
--       8 code of its error   9 most rows of history, '0' for none
-- Returns {verdict, state}
--   'wanted'    somebody is still interested, or the job was to be let finish
--   'cancelled' nobody was: it is settled as cancelled, its holder told, and whoever only watched it
--   'settled'   it had settled before; 'unknown' there is no such job
--
-- Settling here beats the holder: its token no longer fits a job that is not in progress.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include ledger
--!include interests
--!include turns
--!include quotas
--!include history

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'state', 'flight', 'worker', 'deadline_at', 'sent', 'doubts', 'tenant',
  'key_id', 'model', 'reserved', 'rung', 'capped', 'tokens_set_aside',
  'replay_ms', 'class', 'created_at', 'started_at', 'attempts', 'twins')
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
local everybody = ARGV[2] == '*'
if not everybody then
  redis.call('ZREM', waiters, ARGV[2])
end
if ARGV[3] ~= '' then
  redis.call('ZADD', waiters, record[4] or now, ARGV[3])
end
if not everybody and (is_wanted(waiters, now) or (state == 'in_progress' and ARGV[4] == '0')) then
  return {'wanted', state}
end

redis.call('SET', 'arq:result:' .. id, ARGV[5], 'PX', ARGV[6])
local doubted = tonumber(record[5] or '') or 0
redis.call('HSET', job, 'state', 'cancelled', 'completed_at', string.format('%.0f', now), 'fence', '',
  'sent', '', 'doubts', tonumber(record[6] or 0) + doubted)
if doubted > 0 then
  book_doubts(clock[1], record[7], record[8], record[9], record[10], doubted)
end
if record[10] then
  reserve(record[7], record[8], '-', record[10])
end
tell(waiters, now, ARGV[7])
if record[11] then
  leave_bell(id, record[11], record[7])
end
if record[12] then
  -- What may have been billed counts as it was estimated.
  release_quota(id, record[12], record[13], doubted > 0 and tonumber(record[13]) or 0, now)
end
redis.call('PEXPIRE', job, ARGV[6])
redis.call('DEL', 'arq:in-progress:' .. id, waiters)
if record[14] then
  redis.call('PEXPIRE', 'arq:job:' .. id, record[14])
else
  redis.call('DEL', 'arq:job:' .. id)
end
redis.call('ZREM', KEYS[1], id)
if record[2] and redis.call('GET', record[2]) == id then
  redis.call('DEL', record[2])
end
if state == 'in_progress' and record[3] then
  redis.call('SREM', 'sentinel:held:' .. record[3], id)
  redis.call('PUBLISH', 'sentinel:control:' .. record[3], ARGV[7])
end
remember(id, {record[7], record[9], record[15], record[16], record[17], record[3], record[18], record[19]},
  'cancelled', '', ARGV[8], ARGV[9])
return {'cancelled', 'cancelled'}
