-- Takes the open batches that nobody feeds any more, and keeps those that the caller feeds.
--
-- KEYS  1 open batches (zset: id → end of its feeder's lease, in Redis ms)   2 feeders (hash: id → feeder)
-- ARGV  1 feeder   2 lease, in ms
-- Returns the batches that the caller feeds now

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local mine = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local ends = tonumber(redis.call('ZSCORE', KEYS[1], id))
  if ends <= now or redis.call('HGET', KEYS[2], id) == ARGV[1] then
    redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), id)
    redis.call('HSET', KEYS[2], id, ARGV[1])
    mine[#mine + 1] = id
  end
end
if #mine == 0 and redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
end
return mine
