-- Commits a job's outcome once, if the caller's fence token is the current one.
--
-- KEYS  1 queue   2 outbox   3 dead letters   4 what the worker holds (set)
-- ARGV  1 job id   2 fence token   3 state to settle in   4 outcome (arq's result layout)
--       5 how long the outcome is kept, in ms   6 how long the flight still answers, in ms
--       7 commit for the cache Redis, '' for none   8 most commits that may wait for it
--       9 announcement   10 why the job was given up, '' if it was not   11 most dead letters kept
--       12 where the answer came from: miss, semantic, stale, or ''   13 code of the error, '' without one
--       14 most rows of history, '0' for none
--       15.. field, amount pairs for the ledger of the job's tenant
-- Returns 1 when committed; 2 when this token had committed before, so that the reply was lost;
--         0 when refused. A call that returns 0 or 2 has changed nothing.
--
-- Outcome, end of the flight, money, outbox and announcement are one step: no reader sees a part of it.
-- The cache lives on another Redis: the outbox carries its entry there, and is emptied by any worker.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include ledger
--!include interests
--!include quotas
--!include history

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'fence', 'state', 'flight', 'tenant', 'key_id', 'reserved', 'capped',
  'tokens_set_aside', 'replay_ms', 'model', 'class', 'created_at', 'started_at', 'worker', 'attempts', 'twins')
if record[1] ~= ARGV[2] then
  return 0
elseif record[2] ~= 'in_progress' then
  return (record[2] == 'completed' or record[2] == 'failed' or record[2] == 'cancelled') and 2 or 0
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local keep = tonumber(ARGV[5])
local waiters = 'sentinel:waiters:' .. id

if ARGV[10] ~= '' then
  local past = redis.call('HMGET', job, 'doubts', 'metadata')
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[11], '*', 'job', id, 'reason', ARGV[10],
    'payload', redis.call('GET', 'arq:job:' .. id) or '', 'attempts', record[15] or '0',
    'worker', record[14] or '', 'created_at', record[12] or '', 'started_at', record[13] or '', 'ended_at', now_text,
    'doubts', past[1] or '0', 'tenant', record[4] or '', 'key_id', record[5] or '', 'model', record[10] or '',
    'metadata', past[2] or '{}')
end
redis.call('SET', 'arq:result:' .. id, ARGV[4], 'PX', keep)
redis.call('HSET', job, 'state', ARGV[3], 'completed_at', now_text, 'sent', '')
redis.call('PEXPIRE', job, keep)
redis.call('ZREM', KEYS[1], id)
redis.call('SREM', KEYS[4], id)

-- A job that stock arq enqueued has no flight and no tenant.
local flight = record[3]
if flight and redis.call('GET', flight) == id then
  if ARGV[3] == 'completed' and tonumber(ARGV[6]) > 0 then
    redis.call('PEXPIRE', flight, ARGV[6])
  else
    redis.call('DEL', flight)
  end
end
if record[4] and #ARGV > 14 then
  book(clock[1], record[4], {unpack(ARGV, 15)}, record[6])
end
if record[6] then
  reserve(record[4], record[5], '-', record[6])
end
if record[7] then
  local used = 0
  for i = 15, #ARGV, 2 do
    if ARGV[i]:match('|input_tokens$') or ARGV[i]:match('|output_tokens$') then
      used = used + tonumber(ARGV[i + 1])
    end
  end
  release_quota(id, record[7], record[8], used, now)
end
if ARGV[7] ~= '' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[8], '*', 'commit', ARGV[7])
end
tell(waiters, now, ARGV[9])
redis.call('DEL', 'arq:in-progress:' .. id, waiters)
if record[9] then
  -- Kept a while, so that an operator can try the question again.
  redis.call('PEXPIRE', 'arq:job:' .. id, record[9])
else
  redis.call('DEL', 'arq:job:' .. id)
end
remember(id, {record[4], unpack(record, 10, 16)}, ARGV[3], ARGV[12], ARGV[13], ARGV[14])
return 1
