-- Deletes an entry, and remembers for a while that it was: the answer under way must not bring it back.
--
-- KEYS  1 entry (hash {fence, data, tenant, asked_at, era, labels}), afterwards {tenant, purged_at}
-- ARGV  1 tenant   2 until when what was asked for is purged, as Redis ms   3 how long to remember, in ms
-- Returns 1 when there was one, 0 when there was none or it is another tenant's, which stays as it is.

local before = redis.call('HMGET', KEYS[1], 'tenant', 'data', 'purged_at')
if before[1] and before[1] ~= ARGV[1] then
  return 0
end
local at = math.max(tonumber(ARGV[2]), tonumber(before[3] or 0))
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'tenant', ARGV[1], 'purged_at', string.format('%.0f', at))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return before[2] and 1 or 0
