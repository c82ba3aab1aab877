-- Takes the tokens of several requests ahead, as many as are there, and tells the time.
--
-- KEYS  1 bucket (hash {tokens, at})
-- ARGV  1 capacity, in tokens   2 refill, in tokens per second   3 cost of a request, in tokens, above 0
--       4 requests wanted
-- Returns {requests granted, tokens left (string), Redis time in ms (string)}
--
-- The bucket of take_tokens.lua. Whoever takes ahead must spend within the time that all takers' capacity was
-- lessened by, see ingress/shortcut/leases.py: then no more is admitted than if nothing were taken ahead.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include bucket

local capacity = tonumber(ARGV[1])
local refill = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local tokens = left_in(KEYS[1], capacity, refill, 1000, now)

local granted = math.max(0, math.min(tonumber(ARGV[4]), math.floor(tokens / cost)))
if granted > 0 then
  tokens = tokens - granted * cost
  keep_in(KEYS[1], tokens, now, math.ceil(capacity / refill * 1000) + 1000)
end
return {granted, string.format('%.17g', tokens), string.format('%.0f', now)}
