-- Marks everything of a tenant that bears a label as purged, or everything it has.
--
-- KEYS  1 purge marks of the tenant (hash {era, all, label...})
-- ARGV  1 label, or `all`   2 until when, as Redis ms: the latest of all clocks   3 most marks of a tenant
-- Returns that time, or a later one of an earlier purge.
--
-- A tenant with too many marks has everything purged instead: marks are never forgotten one by one, or what
-- they had purged would be back.

local marks = redis.call('HMGET', KEYS[1], ARGV[1], 'all')
local is_full = not marks[1] and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3])
local at = math.max(tonumber(ARGV[2]), tonumber(marks[1] or 0), tonumber(is_full and marks[2] or 0))
local at_text = string.format('%.0f', at)
if ARGV[1] == 'all' or is_full then
  local clock = redis.call('TIME')
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'era', string.format('%.0f', clock[1] * 1000000 + clock[2]), 'all', at_text)
else
  redis.call('HSET', KEYS[1], ARGV[1], at_text)
end
return at_text
