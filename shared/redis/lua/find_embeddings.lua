-- Reads stored embeddings, leaving out those that have been purged.
--
-- KEYS  1 purge marks of the tenant (hash {era, all, label...})   2.. embeddings (hash {era, asked_at, data})
-- ARGV  1.. labels of the request
-- Returns data or false for each of them
--
-- Purged is what was asked for no later than a mark of its labels, and what was stored under other marks than
-- there are now, as with entries.

local marks = redis.call('HMGET', KEYS[1], 'era', 'all', unpack(ARGV))
local newest = -1
for i = 2, #ARGV + 2 do
  newest = math.max(newest, tonumber(marks[i] or -1))
end
local found = {}
for i = 2, #KEYS do
  local stored = redis.call('HMGET', KEYS[i], 'era', 'asked_at', 'data')
  local serves = stored[3] and stored[1] == marks[1] and tonumber(stored[2]) > newest
  found[i - 1] = serves and stored[3] or false
end
return found
