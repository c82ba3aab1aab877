-- Puts an answer into the cache and its vector into the index, unless a later writer or a purge was here.
--
-- KEYS  1 entry (hash {fence, data, tenant, asked_at, era, labels})   2 index of the partition   3 stream of index changes
--       4 where the fleet searches vectors   5 document of the vector, named as keys.vector says
--       6 purge marks of the tenant (hash {era, all, label...})   7 what its API key added this hour (string)
--       8 the newest entries (zset id → Redis ms)
-- ARGV  1 fence token of the settle   2 entry   3 lifetime, in ms
--       4 index row, '' for none   5 entry id   6 change, as the stream carries it   7 most changes kept
--       8 vector, '' for none   9 when it expires, as Redis ms
--       10 tenant   11 when the attempt that bought it was claimed, as Redis ms
--       12 most answers that the key may add in an hour, 0 for any number   13.. its labels
-- Returns 1 when stored, 0 when the entry there is of the same or a later settle, or when what was
--         asked for then has been purged since; 2 when the key has added its share of the hour.
--
-- Applying the same commit again changes nothing, so any number of workers may empty the outbox.

--!include marks

local before = redis.call('HMGET', KEYS[1], 'fence', 'tenant', 'purged_at')
if tonumber(before[1] or 0) >= tonumber(ARGV[1]) then
  return 0
end
local asked_at = tonumber(ARGV[11])
if before[2] == ARGV[10] and tonumber(before[3] or -1) >= asked_at then
  return 0
end
local labels = {unpack(ARGV, 13)}
local era = era_for(KEYS[6], asked_at, labels)
if not era then
  return 0
end
-- One that replaces an older answer adds nothing.
local most = tonumber(ARGV[12])
if most > 0 and not before[1] then
  local added = tonumber(redis.call('GET', KEYS[7]) or 0)
  if not added then
    redis.call('DEL', KEYS[7])
  elseif added >= most then
    return 2
  end
  if redis.call('INCR', KEYS[7]) == 1 then
    redis.call('EXPIRE', KEYS[7], 3600)
  end
end
redis.call('HDEL', KEYS[1], 'purged_at')
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'data', ARGV[2], 'tenant', ARGV[10], 'asked_at', ARGV[11],
  'era', era, 'labels', table.concat(labels, ' '))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[8], tonumber(ARGV[9]) - tonumber(ARGV[3]), ARGV[5])
redis.call('ZREMRANGEBYRANK', KEYS[8], 0, -10001)
if ARGV[4] == '' then
  return 1
end
local place = redis.call('GET', KEYS[4]) or 'memory'
if place ~= 'redis' then
  redis.call('HSET', KEYS[2], ARGV[5], ARGV[4])
  if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
    redis.call('PEXPIRE', KEYS[2], ARGV[3])
  end
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'change', ARGV[6])
end
if place ~= 'memory' then
  redis.call('HSET', KEYS[5], 'partition', string.match(KEYS[5], ':([^:]*):[^:]*$'),
    'vector', ARGV[8], 'expires_at_ms', ARGV[9])
  redis.call('PEXPIRE', KEYS[5], ARGV[3])
end
return 1
