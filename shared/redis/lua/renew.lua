-- Extends the leases that a worker still holds, and hands back what it was given without ever knowing.
--
-- KEYS  1 queue   2 what the worker holds (set)   3 bell interactive   4 bell batch
-- ARGV  1 worker id   2 lease, in ms   3 how long a claim's reply may be under way, in ms
--       4.. id, token pairs of all that the worker has in work
-- Returns the ids whose token is no longer the current one: their holder must stop at once.
--
-- A lease that lapsed unseen but was not claimed by another is taken up again: the token is still current.
-- A claim whose reply was lost leaves a job with a holder that does not work on it. Its lease is never
-- extended, so once it is older than any reply can be, the job goes back, and the try does not count.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease = tonumber(ARGV[2])
local lost = {}
local known = {}
for i = 4, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  known[id] = true
  local record = redis.call('HMGET', 'sentinel:job:' .. id, 'fence', 'state')
  if record[1] == token and record[2] == 'in_progress' then
    redis.call('SET', 'arq:in-progress:' .. id, token, 'PX', lease)
    redis.call('ZADD', KEYS[1], now + lease, id)
  elseif record[1] ~= token or (record[2] ~= 'completed' and record[2] ~= 'failed') then
    -- One that this holder has just settled is not lost: the reply to its settle is still under way.
    lost[#lost + 1] = id
  end
end
for _, id in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if not known[id] and redis.call('PTTL', 'arq:in-progress:' .. id) < lease - tonumber(ARGV[3]) then
    local job = 'sentinel:job:' .. id
    local record = redis.call('HMGET', job, 'worker', 'state', 'class', 'tries')
    redis.call('SREM', KEYS[2], id)
    if record[1] == ARGV[1] and record[2] == 'in_progress' then
      redis.call('HSET', job, 'state', 'queued', 'fence', '', 'tries', tonumber(record[4] or 1) - 1)
      redis.call('DEL', 'arq:in-progress:' .. id)
      redis.call('ZADD', KEYS[1], now, id)
      redis.call('LPUSH', record[3] == 'batch' and KEYS[4] or KEYS[3], id)
    end
  end
end
return lost
