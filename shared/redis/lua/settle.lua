-- Commits a job's outcome once, if the caller's fence token is the current one.
--
-- KEYS  1 queue   2 outbox   3 dead letters   4 what the worker holds (set)
-- ARGV  1 job id   2 fence token   3 state to settle in   4 outcome (arq's result layout)
--       5 how long the outcome is kept, in ms   6 how long the flight still answers, in ms
--       7 commit for the cache Redis, '' for none   8 announcement
--       9 why the job was given up, '' if it was not   10 most dead letters kept
-- Returns 1 when committed, 0 when refused; a refused call has changed nothing.
--
-- Outcome, end of the flight, outbox and announcement are one step, so that no reader sees a part of it.
-- The cache lives on another Redis: the outbox carries its entry there, and is emptied by any worker.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local id = ARGV[1]
local job = 'sentinel:job:' .. id
local record = redis.call('HMGET', job, 'fence', 'state', 'flight', 'attempts', 'worker', 'created_at')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local keep = tonumber(ARGV[5])

if ARGV[9] ~= '' then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[10], '*', 'job', id, 'reason', ARGV[9],
    'payload', redis.call('GET', 'arq:job:' .. id) or '', 'attempts', record[4] or '0',
    'worker', record[5] or '', 'created_at', record[6] or '', 'ended_at', now_text)
end
redis.call('SET', 'arq:result:' .. id, ARGV[4], 'PX', keep)
redis.call('HSET', job, 'state', ARGV[3], 'completed_at', now_text)
redis.call('HDEL', job, 'sent')
redis.call('PEXPIRE', job, keep)
redis.call('DEL', 'arq:job:' .. id, 'arq:in-progress:' .. id, 'arq:retry:' .. id)
redis.call('ZREM', KEYS[1], id)
redis.call('SREM', KEYS[4], id)

-- A job that stock arq enqueued has no flight.
local flight = record[3]
if flight and redis.call('GET', flight) == id then
  if ARGV[3] == 'completed' and tonumber(ARGV[6]) > 0 then
    redis.call('PEXPIRE', flight, ARGV[6])
  else
    redis.call('DEL', flight)
  end
end
if ARGV[7] ~= '' then
  redis.call('XADD', KEYS[2], '*', 'commit', ARGV[7])
end
local waiters = 'sentinel:waiters:' .. id
for _, inbox in ipairs(redis.call('ZRANGEBYSCORE', waiters, now, '+inf')) do
  redis.call('PUBLISH', inbox, ARGV[8])
end
redis.call('DEL', waiters)
return 1
