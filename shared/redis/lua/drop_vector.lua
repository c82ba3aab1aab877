-- Takes a vector whose entry is gone out of the index, everywhere.
--
-- KEYS  1 entry   2 index of the partition   3 stream of index changes   4 document of the vector
-- ARGV  1 entry id   2 change, as the stream carries it   3 most changes kept
-- Returns 1 when dropped, 0 when the entry is back or the vector was gone already.

if redis.call('HEXISTS', KEYS[1], 'data') == 1 then
  return 0
end
local document = redis.call('DEL', KEYS[4])
if redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then
  return document
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'change', ARGV[2])
return 1
