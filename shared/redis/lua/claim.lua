-- Gives a worker up to `count` jobs, each under a lease and a new fence token.
--
-- KEYS  1 queue   2 fence   3 what the worker holds (set)   4.. bells to take from
-- ARGV  1 worker id   2 lease, in ms   3 count   4 batch jobs that may be among those that no
--       bell announced, '' not to look for such
--       5.. ids already taken from a bell
-- Returns {Redis time in ms, {id, payload or false, token, tries, created_at, deadline_at, class, doubts,
--          1 if the last doubt is new, 0 if nobody is interested any more}...}
--
-- Ids come from the caller's blocking pop, then the bells; with 4 set, first the oldest due jobs of the
-- queue: deferred ones, stock arq's, those whose bell was lost and those whose holder's lease has ended.
-- A bell may repeat or name a finished job: whoever holds a lease keeps it, and what left the queue is gone.
-- A job whose last holder had sent its question and never settled may have been billed: a doubt is counted.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = clock[1] * 1000000 + clock[2]
local lease = tonumber(ARGV[2])
local room = tonumber(ARGV[3])
local claimed = {string.format('%.0f', now)}

local function next_token()
  -- At least the time, so that tokens keep growing even when this Redis lost its memory.
  local last = tonumber(redis.call('GET', KEYS[2]) or 0)
  local token = string.format('%.0f', math.max(last + 1, micros))
  redis.call('SET', KEYS[2], token)
  return token
end

local function claim(id)
  local score = tonumber(redis.call('ZSCORE', KEYS[1], id) or 'inf')
  if score > now or redis.call('EXISTS', 'arq:in-progress:' .. id) == 1 then
    return
  end
  local token = next_token()
  local job = 'sentinel:job:' .. id
  local tries = redis.call('INCR', 'arq:retry:' .. id)
  redis.call('PEXPIRE', 'arq:retry:' .. id, 88400000)
  redis.call('SET', 'arq:in-progress:' .. id, token, 'PX', lease)
  redis.call('ZADD', KEYS[1], now + lease, id)
  redis.call('SADD', KEYS[3], id)
  redis.call('HSETNX', job, 'created_at', string.format('%.0f', score))
  redis.call('HSETNX', job, 'started_at', claimed[1])
  local before = redis.call('HMGET', job, 'worker', 'sent')
  if before[1] and before[1] ~= ARGV[1] then
    redis.call('SREM', 'sentinel:held:' .. before[1], id)
  end
  local doubted = before[2] and 1 or 0
  if doubted == 1 then
    redis.call('HINCRBY', job, 'doubts', 1)
    redis.call('HDEL', job, 'sent')
  end
  -- Only what an ingress submitted has callers who can leave; a crashed ingress' interest ends by itself.
  local wanted = 1
  if redis.call('HEXISTS', job, 'flight') == 1
    and redis.call('ZCOUNT', 'sentinel:waiters:' .. id, now, '+inf') == 0 then
    wanted = 0
  end
  redis.call('HSET', job, 'state', 'in_progress', 'fence', token, 'worker', ARGV[1])
  redis.call('HINCRBY', job, 'attempts', 1)
  local record = redis.call('HMGET', job, 'created_at', 'deadline_at', 'class', 'doubts')
  claimed[#claimed + 1] = {
    id, redis.call('GET', 'arq:job:' .. id), token, tries, record[1], record[2], record[3], record[4],
    doubted, wanted
  }
  room = room - 1
end

if ARGV[4] ~= '' then
  local batch = tonumber(ARGV[4])
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, room + 100)) do
    local is_batch = redis.call('HGET', 'sentinel:job:' .. id, 'class') == 'batch'
    if room > 0 and not (is_batch and batch <= 0) then
      local before = room
      claim(id)
      if is_batch then
        batch = batch - (before - room)
      end
    end
  end
end
for i = 5, #ARGV do
  -- Already popped, so claimed even when the room is used up: nobody else would see this bell again.
  claim(ARGV[i])
end
for i = 4, #KEYS do
  while room > 0 do
    local id = redis.call('LPOP', KEYS[i])
    if not id then break end
    claim(id)
  end
end
return claimed
