-- Token buckets: hashes {tokens, at} of fractional tokens and the Redis ms that they were counted at. A bucket that is not
-- there is full.

-- What a bucket has by now, when `refill` tokens come to it in each span of so many ms.
local function left_in(bucket, capacity, refill, span_ms, now)
  local saved = redis.call('HMGET', bucket, 'tokens', 'at')
  local tokens = tonumber(saved[1]) or capacity
  local at = tonumber(saved[2]) or now
  -- A clock that steps back gives nothing rather than taking tokens away.
  return math.min(capacity, tokens + math.max(0, now - at) * refill / span_ms)
end

local function keep_in(bucket, tokens, now, lives_ms)
  redis.call('HSET', bucket, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now))
  redis.call('PEXPIRE', bucket, lives_ms)
end
