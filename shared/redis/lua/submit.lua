-- Answers from the flight that just landed, joins the one under way, or starts a new one.
--
-- KEYS  1 flight   2 queue   3 bell of the class
-- ARGV  1 fingerprint      2 payload (arq layout)   3 inbox of the asking ingress, '' if it will not wait
--       4 wait, in ms      5 deadline, in ms from now   6 most jobs that may wait
--       7.. field, value pairs of the job's record
-- Returns {verdict, job id, state, outcome or false, Redis time in ms, jobs ahead}
--   'landed'  the flight has completed and its outcome is still in hand
--   'joined'  the flight is under way; the inbox is told when it lands
--   'created' a new job was queued and its bell rung
--   'full'    nothing was written
--
-- The job id carries the Redis time in microseconds as its generation, so that a later flight of the same
-- question can never change an earlier job.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)

local function wait_for(id)
  if ARGV[3] ~= '' then
    local waiters = 'sentinel:waiters:' .. id
    local until_ms = now + tonumber(ARGV[4])
    local before = tonumber(redis.call('ZSCORE', waiters, ARGV[3]) or 0)
    redis.call('ZADD', waiters, math.max(before, until_ms), ARGV[3])
    redis.call('PEXPIRE', waiters, tonumber(ARGV[5]) + 60000)
  end
end

local id = redis.call('GET', KEYS[1])
if id then
  local state = redis.call('HGET', 'sentinel:job:' .. id, 'state')
  if state == 'completed' then
    local outcome = redis.call('GET', 'arq:result:' .. id)
    if outcome then
      return {'landed', id, state, outcome, now_text, 0}
    end
  elseif state == 'queued' or state == 'in_progress' then
    wait_for(id)
    return {'joined', id, state, false, now_text, 0}
  end
end

-- Running jobs stay in the queue with a score in the future: only those that are due still wait.
local depth = redis.call('ZCOUNT', KEYS[2], '-inf', now)
if depth >= tonumber(ARGV[6]) then
  return {'full', '', '', false, now_text, depth}
end

id = ARGV[1] .. '.' .. string.format('%.0f', clock[1] * 1000000 + clock[2])
local job = 'sentinel:job:' .. id
redis.call('HSET', job, 'state', 'queued', 'created_at', now_text, 'flight', KEYS[1],
  'deadline_at', string.format('%.0f', now + tonumber(ARGV[5])), unpack(ARGV, 7))
-- A record outlives its deadline until somebody settles it; the sweep does, at the latest.
redis.call('SET', 'arq:job:' .. id, ARGV[2], 'PX', tonumber(ARGV[5]) + 60000)
redis.call('SET', KEYS[1], id)
redis.call('ZADD', KEYS[2], now, id)
redis.call('RPUSH', KEYS[3], id)
wait_for(id)
return {'created', id, 'queued', false, now_text, depth}
