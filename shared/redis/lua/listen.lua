-- Lets an ingress hear a job's tokens, and returns those that were told before.
--
-- KEYS  1 tokens (stream {t})   2 listeners (zset: inbox → until, in Redis ms)
-- ARGV  1 job id   2 inbox   3 for how long, in ms   4 the last event that is known, or '-' for none
-- Returns {state or false, {id, event, id, event, ...}}
--
-- What was told before and what is told from now on meet here: nothing falls between them.

local state = redis.call('HGET', 'sentinel:job:' .. ARGV[1], 'state')
if state == 'queued' or state == 'in_progress' then
  local clock = redis.call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  redis.call('ZADD', KEYS[2], 'GT', now + tonumber(ARGV[3]), ARGV[2])
  redis.call('PEXPIRE', KEYS[2], tonumber(ARGV[3]) + 60000)
  -- A job that has not begun yet begins by streaming.
  redis.call('HSET', 'sentinel:job:' .. ARGV[1], 'stream', '1')
end
local from = ARGV[4] == '-' and '-' or '(' .. ARGV[4]
local told = {}
for _, event in ipairs(redis.call('XRANGE', KEYS[1], from, '+')) do
  told[#told + 1] = event[1]
  told[#told + 1] = event[2][2]
end
return {state, told}
