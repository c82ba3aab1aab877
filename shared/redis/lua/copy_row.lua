-- Copies a vector back into its partition's snapshot, while the fleet moves its vectors; what is newer stays.
--
-- KEYS  1 entry   2 index of the partition
-- ARGV  1 entry id   2 index row
-- Returns 1 when copied, 0 when the entry is gone or the row is there.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
return redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2])
