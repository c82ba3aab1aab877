-- What one key may have unsettled, and buy a minute. A job that is counted says so in its record: `capped` is the
-- key in whose sets it is, `tokens_set_aside` what was taken from the key's bucket of model tokens.

local function unsettled_of(key_id)
  return 'sentinel:key-jobs:' .. key_id
end

local function waiting_of(key_id)
  return 'sentinel:key-queued:' .. key_id
end

-- Whether a set has as many jobs as it may; those past their deadline are nobody's work any more.
local function is_full(set, now, most)
  redis.call('ZREMRANGEBYSCORE', set, '-inf', now)
  return redis.call('ZCARD', set) >= most
end

local function count_in(set, id, ends_at, lives_ms)
  redis.call('ZADD', set, ends_at, id)
  redis.call('PEXPIRE', set, lives_ms)
end

local function save_bucket(bucket, tokens, limit, now)
  redis.call('HSET', bucket, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now),
    'limit', limit)
  redis.call('PEXPIRE', bucket, math.max(0, math.ceil((limit - tokens) / limit * 60000)) + 1000)
end

-- Model tokens that a key has left this minute; below 0 when answers were longer than was estimated.
local function model_tokens_of(key_id, limit, now)
  local saved = redis.call('HMGET', 'sentinel:key-tokens:' .. key_id, 'tokens', 'at')
  local since = math.max(0, now - (tonumber(saved[2]) or now))
  return math.min(limit, (tonumber(saved[1]) or limit) + since * limit / 60000)
end

local function take_model_tokens(key_id, limit, now, left)
  save_bucket('sentinel:key-tokens:' .. key_id, left, limit, now)
end

-- Gives back what was set aside for a job and not used, or takes what was used beyond it.
local function correct_model_tokens(key_id, set_aside, used, now)
  local bucket = 'sentinel:key-tokens:' .. key_id
  local limit = tonumber(redis.call('HGET', bucket, 'limit') or '')
  if limit then
    save_bucket(bucket, math.min(limit, model_tokens_of(key_id, limit, now) + set_aside - used), limit, now)
  end
end

-- Call it when a job has settled.
local function release_quota(id, key_id, set_aside, used, now)
  redis.call('ZREM', unsettled_of(key_id), id)
  redis.call('ZREM', waiting_of(key_id), id)
  if tonumber(set_aside or 0) > 0 then
    correct_model_tokens(key_id, tonumber(set_aside), used, now)
  end
end
