-- Keeps what came of one line of a batch, and ends the batch with its last line.
--
-- KEYS  1 batch (hash)   2 its jobs (hash: number → job)   3 its results (hash: number → line)
--       4 open batches (zset)
-- ARGV  1 batch id   2 number of the line   3 result   4 what it counts as: completed or failed
--       5 how long to keep it, in ms
-- Returns 1, or 0 when the line was over before: two feeders may both have seen it end.

redis.call('HDEL', KEYS[2], ARGV[2])
if redis.call('HSETNX', KEYS[3], ARGV[2], ARGV[3]) == 0 then
  return 0
end
redis.call('PEXPIRE', KEYS[3], ARGV[5])
redis.call('HINCRBY', KEYS[1], ARGV[4], 1)
local batch = redis.call('HMGET', KEYS[1], 'total', 'cursor', 'completed', 'failed', 'state')
if tonumber(batch[2]) <= tonumber(ARGV[2]) then
  batch[2] = tonumber(ARGV[2]) + 1
  redis.call('HSET', KEYS[1], 'cursor', batch[2])
end
local over = tonumber(batch[3]) + tonumber(batch[4])
local last = batch[5] == 'cancelling' and tonumber(batch[2]) or tonumber(batch[1])
if over >= last then
  local clock = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'state', over == tonumber(batch[1]) and 'completed' or 'cancelled',
    'ended_at', string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
  redis.call('ZREM', KEYS[4], ARGV[1])
end
return 1
