-- Reserves a call's turn at a provider, and says how long to wait for it.
--
-- KEYS  1 pause (hash {until})   2 requests, 3 tokens (hashes {tokens, at}): what the limits have left
-- ARGV  1 longest wait, in ms   2 requests per minute   3 tokens per minute (0: no limit)
--       4 requests, 5 tokens that the call takes (0: it only looks)
-- Returns {reserved 1|0, ms to wait, what for: 'pause', 'requests', 'tokens' or ''}
--
-- A refusal takes nothing. A turn may lie ahead: its bucket is in debt until then, so that those who wait are
-- served in order, and calls that leave at their turn are never more than capacity + rate * t in any span t. The
-- capacity is a minute's worth, and a call that needs more than all of it takes all of it.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include bucket

local MINUTE = 60000
local patience = tonumber(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local wait = math.max(0, (tonumber(redis.call('HGET', KEYS[1], 'until')) or 0) - now)
local reason = wait > 0 and 'pause' or ''
local after = {}
for i, name in ipairs({'requests', 'tokens'}) do
  local limit = tonumber(ARGV[1 + i])
  local cost = math.min(limit, tonumber(ARGV[3 + i]))
  if limit > 0 and cost > 0 then
    after[i] = left_in(KEYS[1 + i], limit, limit, MINUTE, now) - cost
    local due = math.ceil(-after[i] * MINUTE / limit)
    if due > wait then
      wait = due
      reason = name
    end
  end
end
if wait > patience then
  return {0, wait, reason}
end
for i, tokens in pairs(after) do
  local limit = tonumber(ARGV[1 + i])
  keep_in(KEYS[1 + i], tokens, now, math.ceil((limit - tokens) * MINUTE / limit) + 1000)
end
return {1, wait, reason}
