-- Notes when an API key was last used; writes nothing for one that is gone.
--
-- KEYS  1 the key's hash

if redis.call('EXISTS', KEYS[1]) == 1 then
  local clock = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'used_at', string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)))
end
