-- Binds an idempotency key to the request that first carried it.
--
-- KEYS  1 record (hash {request, status, answer, headers})
-- ARGV  1 digest of the request   2 how long it is bound, in ms
-- Returns {'new'}; {'open'} while, or after, the first was answered with nothing that is kept;
--         {'other'} when it belongs to another request; {'answered', status, headers, answer} afterwards.

local found = redis.call('HMGET', KEYS[1], 'request', 'status', 'headers', 'answer')
if not found[1] then
  redis.call('HSET', KEYS[1], 'request', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return {'new'}
elseif found[1] ~= ARGV[1] then
  return {'other'}
elseif not found[2] then
  return {'open'}
end
return {'answered', found[2], found[3], found[4]}
