-- Puts an answer into the cache and its vector into the index, unless a later writer was here.
--
-- KEYS  1 entry (hash {fence, data})   2 index of the partition   3 stream of index changes
-- ARGV  1 fence token of the settle   2 entry   3 lifetime, in ms
--       4 index row, '' for none   5 entry id   6 change, as the stream carries it   7 most changes kept
-- Returns 1 when stored, 0 when the entry there is of the same or a later settle.
--
-- Applying the same commit again changes nothing, so any number of workers may empty the outbox.

local before = tonumber(redis.call('HGET', KEYS[1], 'fence') or 0)
if before >= tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'data', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[5], ARGV[4])
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[7], '*', 'change', ARGV[6])
end
return 1
