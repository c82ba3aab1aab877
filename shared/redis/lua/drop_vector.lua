-- Takes a vector whose entry is gone out of the index, everywhere.
--
-- KEYS  1 entry   2 index of the partition   3 stream of index changes
-- ARGV  1 entry id   2 change, as the stream carries it   3 most changes kept
-- Returns 1 when dropped, 0 when the entry is back or the row was gone already.

if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then
  return 0
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[3], '*', 'change', ARGV[2])
return 1
