-- Notes the job that answers a line of a batch, for whoever feeds the batch next.
--
-- KEYS  1 batch (hash)   2 its jobs (hash: number → job)   3 its results (hash: number → line)
--       4 feeders (hash: id → feeder)
-- ARGV  1 batch id   2 feeder   3 number of the line   4 job id   5 how long to keep it, in ms
-- Returns the batch's state, or false when the caller no longer feeds it: then nothing was noted

if redis.call('HGET', KEYS[4], ARGV[1]) ~= ARGV[2] then
  return false
end
if redis.call('HEXISTS', KEYS[3], ARGV[3]) == 0 then
  redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
end
if tonumber(redis.call('HGET', KEYS[1], 'cursor') or 0) <= tonumber(ARGV[3]) then
  redis.call('HSET', KEYS[1], 'cursor', tonumber(ARGV[3]) + 1)
end
return redis.call('HGET', KEYS[1], 'state')
