-- Corrects what a call was reserved at a provider to what it took.
--
-- KEYS  1 requests, 2 tokens (hashes {tokens, at}): what the limits have left
-- ARGV  1 requests per minute   2 tokens per minute (0: no limit)
--       3 requests, 4 tokens to give back (below 0: to take in addition)
-- Returns 1
--
-- A bucket that has expired is full: there is nothing to give back, and what is taken leaves its mark.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include bucket

local MINUTE = 60000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

for i = 1, 2 do
  local limit = tonumber(ARGV[i])
  local back = tonumber(ARGV[2 + i])
  if limit > 0 and back ~= 0 then
    local tokens = math.min(limit, left_in(KEYS[i], limit, limit, MINUTE, now) + back)
    keep_in(KEYS[i], tokens, now, math.ceil((limit - tokens) * MINUTE / limit) + 1000)
  end
end
return 1
