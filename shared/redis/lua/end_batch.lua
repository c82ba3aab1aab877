-- Ends a batch that was cancelled and has no line under way.
--
-- KEYS  1 batch (hash)   2 its jobs (hash: number → job)   3 open batches (zset)
-- ARGV  1 batch id
-- Returns 1 when it is over

local state = redis.call('HGET', KEYS[1], 'state')
if state == 'cancelling' and redis.call('HLEN', KEYS[2]) == 0 then
  local clock = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'state', 'cancelled',
    'ended_at', string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
  state = 'cancelled'
end
if state == 'in_progress' or state == 'cancelling' then
  return 0
end
redis.call('ZREM', KEYS[3], ARGV[1])
return 1
