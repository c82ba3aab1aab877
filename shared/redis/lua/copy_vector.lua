-- Copies a vector to where it is not yet, while the fleet moves its vectors; what is newer there stays.
--
-- KEYS  1 entry   2 document of the vector
-- ARGV  1 partition's digest   2 vector   3 when the entry expires, as Redis ms
-- Returns 1 when copied, 0 when the entry is gone or the document is there.

if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[2]) == 1 then
  return 0
end
redis.call('HSET', KEYS[2], 'partition', ARGV[1], 'vector', ARGV[2], 'expires_at_ms', ARGV[3])
redis.call('PEXPIREAT', KEYS[2], ARGV[3])
return 1
