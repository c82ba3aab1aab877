-- Ends an API key for good; one that has ended keeps its time.
--
-- KEYS  1 the key's hash
-- Returns 1 when it was ended now, 0 when it had been or is not there.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local clock = redis.call('TIME')
return redis.call('HSETNX', KEYS[1], 'revoked_at',
  string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
