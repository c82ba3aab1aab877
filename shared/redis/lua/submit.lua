-- Answers from the flight that just landed, joins the one under way, or starts a new one.
--
-- KEYS  1 flight   2 queue   3 bell of the class   4 throughput of the fleet
-- ARGV  1 fingerprint   2 payload (arq layout)   3 who is interested: an inbox or `polled:<key id>`
--       4 for how long, in ms   5 deadline, in ms from now   6 most jobs that may wait
--       7 class: interactive or batch   8.. field, value pairs of the job's record
-- Returns {verdict, job id, state, outcome or false, Redis time in ms, jobs ahead, wait in ms}
--   'landed'  the flight has completed and its outcome is still in hand
--   'joined'  the flight is under way; whoever is interested is told when it lands
--   'created' a new job was queued and its bell rung
--   'full'    as many jobs wait as may; 'late' the queue is longer than the deadline. Nothing was written.
--
-- The job id carries the Redis time in microseconds as its generation, so that a later flight of the same
-- question can never change an earlier job.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local deadline = tonumber(ARGV[5])

local function interested_in(id)
  local waiters = 'sentinel:waiters:' .. id
  local until_ms = now + tonumber(ARGV[4])
  local before = tonumber(redis.call('ZSCORE', waiters, ARGV[3]) or 0)
  redis.call('ZADD', waiters, math.max(before, until_ms), ARGV[3])
  redis.call('PEXPIRE', waiters, deadline + 60000)
end

local id = redis.call('GET', KEYS[1])
if id then
  local job = 'sentinel:job:' .. id
  local record = redis.call('HMGET', job, 'state', 'class')
  local state = record[1]
  if state == 'completed' then
    local outcome = redis.call('GET', 'arq:result:' .. id)
    if outcome then
      return {'landed', id, state, outcome, now_text, 0, 0}
    end
  elseif state == 'queued' or state == 'in_progress' then
    interested_in(id)
    if state == 'queued' and record[2] == 'batch' and ARGV[7] == 'interactive' then
      -- Somebody is waiting for it now; its place in the other bell has become stale, which is harmless.
      redis.call('HSET', job, 'class', 'interactive')
      redis.call('RPUSH', KEYS[3], id)
    end
    return {'joined', id, state, false, now_text, 0, 0}
  end
end

-- Running jobs stay in the queue with a score in the future: only those that are due still wait.
local depth = redis.call('ZCOUNT', KEYS[2], '-inf', now)
-- Nobody has measured a fleet without workers: then only the depth is bounded.
local throughput = tonumber(redis.call('GET', KEYS[4]) or 0)
local function ms_for(jobs)
  return throughput > 0 and math.ceil(jobs / throughput * 1000) or 0
end
if depth >= tonumber(ARGV[6]) then
  return {'full', '', '', false, now_text, depth, ms_for(depth - tonumber(ARGV[6]) + 1)}
end
if ms_for(depth) > deadline then
  return {'late', '', '', false, now_text, depth, ms_for(depth) - deadline}
end

id = ARGV[1] .. '.' .. string.format('%.0f', clock[1] * 1000000 + clock[2])
redis.call('HSET', 'sentinel:job:' .. id, 'state', 'queued', 'class', ARGV[7], 'created_at', now_text,
  'flight', KEYS[1], 'deadline_at', string.format('%.0f', now + deadline), unpack(ARGV, 8))
-- A record outlives its deadline until somebody settles it; the scan does, at the latest.
redis.call('SET', 'arq:job:' .. id, ARGV[2], 'PX', deadline + 60000)
redis.call('SET', KEYS[1], id)
redis.call('ZADD', KEYS[2], now, id)
redis.call('RPUSH', KEYS[3], id)
interested_in(id)
return {'created', id, 'queued', false, now_text, depth, ms_for(depth)}
