-- Lets an ingress watch a job for somebody who has its id, and keeps that one's interest meanwhile.
--
-- KEYS  none
-- ARGV  1 job id   2 inbox   3 whose interest: `polled:<key id>`   4 for how long, in ms
-- Returns the job's state, or false when there is none; a settled job gets no waiter.
--
-- A watch is no interest: whoever cancels need not end its own waits for the outcome first.

local state = redis.call('HGET', 'sentinel:job:' .. ARGV[1], 'state')
if state == 'queued' or state == 'in_progress' then
  local clock = redis.call('TIME')
  local waiters = 'sentinel:waiters:' .. ARGV[1]
  local until_ms = clock[1] * 1000 + math.floor(clock[2] / 1000) + tonumber(ARGV[4])
  redis.call('ZADD', waiters, 'GT', until_ms, ARGV[3], until_ms, 'watch:' .. ARGV[2])
  if redis.call('PTTL', waiters) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', waiters, tonumber(ARGV[4]) + 60000)
  end
end
return state
