-- Extends the leases that a worker still holds, all in one call.
--
-- KEYS  1 queue
-- ARGV  1 lease, in ms   2.. id, token pairs
-- Returns the ids whose token is no longer the current one: their holder must stop at once.
--
-- A lease that lapsed unseen but was not claimed by another is taken up again: the token is still current.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local lease = tonumber(ARGV[1])
local lost = {}
for i = 2, #ARGV, 2 do
  local id, token = ARGV[i], ARGV[i + 1]
  local record = redis.call('HMGET', 'sentinel:job:' .. id, 'fence', 'state')
  if record[1] == token and record[2] == 'in_progress' then
    redis.call('SET', 'arq:in-progress:' .. id, token, 'PX', lease)
    redis.call('ZADD', KEYS[1], now + lease, id)
  elseif record[1] ~= token or (record[2] ~= 'completed' and record[2] ~= 'failed') then
    -- One that this holder has just settled is not lost: the reply to its settle is still under way.
    lost[#lost + 1] = id
  end
end
return lost
