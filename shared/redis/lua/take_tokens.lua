-- Takes `cost` tokens from a key's bucket if they are there, and tells the time.
--
-- KEYS  1 bucket (hash {tokens, at})
-- ARGV  1 capacity, in tokens   2 refill, in tokens per second   3 cost, in tokens (0 only looks)
-- Returns {allowed 1|0, tokens left (string), ms until `cost` fits (0 when allowed), Redis time in ms}
--
-- Fractional tokens, and Redis time alone: callers' clocks differ, and integer seconds under-deliver.
-- Never admits more than capacity + refill * t in any span t.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include bucket

local capacity = tonumber(ARGV[1])
local refill = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local tokens = left_in(KEYS[1], capacity, refill, 1000, now)

local allowed = tokens >= cost and 1 or 0
if allowed == 1 and cost > 0 then
  tokens = tokens - cost
  keep_in(KEYS[1], tokens, now, math.ceil(capacity / refill * 1000) + 1000)
end
local wait = allowed == 1 and 0 or math.ceil((cost - tokens) / refill * 1000)
return {allowed, string.format('%.17g', tokens), wait, string.format('%.0f', now)}
