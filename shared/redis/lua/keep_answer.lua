-- Keeps the first answer to a request under its idempotency key, or frees the key.
--
-- KEYS  1 record (hash {request, status, answer, headers})
-- ARGV  1 digest of the request   2 how long the answer is kept, in ms, '' to free the key
--       3 status   4 headers   5 answer
-- Returns 1 when that was done, 0 when there is an answer already or the key is another request's.

local found = redis.call('HMGET', KEYS[1], 'request', 'status')
if found[2] or (found[1] and found[1] ~= ARGV[1]) then
  return 0
end
if ARGV[2] == '' then
  return redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'status', ARGV[3], 'headers', ARGV[4], 'answer', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
