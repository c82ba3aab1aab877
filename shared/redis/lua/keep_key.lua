-- Keeps a new API key, unless its owner has as many active ones as allowed.
--
-- KEYS  1 the key's hash   2 all keys (zset digest → created, in Redis ms)   3 the owner's keys (set of digests)
-- ARGV  1 digest, hex   2 most active keys of one owner   3 how long a key lives, in ms, '' for ever
--       4 digest of a key that this one replaces, '' for none   5 how long that one still lives, in ms
--       6.. field, value pairs
-- Returns Redis time in ms, or false when there are too many: then nothing was written.
--
-- A key that is replaced stops counting, and ends by itself: both work until then.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(ms)
  return string.format('%.0f', ms)
end

local active = 0
for _, digest in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  local ends = redis.call('HMGET', 'sentinel:api-key:' .. digest, 'created_at', 'expires_at', 'revoked_at')
  if not ends[1] then
    redis.call('SREM', KEYS[3], digest)
  elseif digest ~= ARGV[4] and not ends[3] and (not ends[2] or tonumber(ends[2]) > now) then
    active = active + 1
  end
end
if active >= tonumber(ARGV[2]) then
  return false
end
redis.call('HSET', KEYS[1], 'created_at', text(now), unpack(ARGV, 6))
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'expires_at', text(now + tonumber(ARGV[3])))
end
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('SADD', KEYS[3], ARGV[1])
if ARGV[4] ~= '' then
  local old = 'sentinel:api-key:' .. ARGV[4]
  local ends = tonumber(redis.call('HGET', old, 'expires_at') or 'inf')
  redis.call('HSET', old, 'expires_at', text(math.min(ends, now + tonumber(ARGV[5]))))
end
return text(now)
