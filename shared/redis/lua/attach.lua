-- Lets an ingress wait for a job that it did not submit.
--
-- KEYS  none
-- ARGV  1 job id   2 inbox   3 for how long, in ms
-- Returns the job's state, or false when there is none; a settled job gets no waiter.

local state = redis.call('HGET', 'sentinel:job:' .. ARGV[1], 'state')
if state == 'queued' or state == 'in_progress' then
  local clock = redis.call('TIME')
  local waiters = 'sentinel:waiters:' .. ARGV[1]
  local until_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[3])
  local before = tonumber(redis.call('ZSCORE', waiters, ARGV[2]) or 0)
  redis.call('ZADD', waiters, math.max(before, until_ms), ARGV[2])
  if redis.call('PTTL', waiters) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', waiters, tonumber(ARGV[3]) + 60000)
  end
end
return state
