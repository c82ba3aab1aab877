-- Puts a waiting job before all others of the interactive class.
--
-- KEYS  1 queue   2 bell interactive
-- ARGV  1 job id
-- Returns 1 when it was promoted, 0 when it does not wait.

local job = 'sentinel:job:' .. ARGV[1]
if redis.call('HGET', job, 'state') ~= 'queued' or not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('HSET', job, 'class', 'interactive')
-- The oldest score: looks that no bell announced find it first as well. Its place in another bell is harmless.
redis.call('ZADD', KEYS[1], 1, ARGV[1])
redis.call('LPUSH', KEYS[2], ARGV[1])
return 1
