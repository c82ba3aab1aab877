-- Gives a worker up to `count` jobs, each under a lease and a new fence token.
--
-- KEYS  1 queue   2 fence   3 what the worker holds (set)   4.. bells to take from
-- ARGV  1 worker id   2 lease, in ms   3 count   4 batch jobs that may be among those that no
--       bell announced, '' not to look for such
--       5 tries after which a job is given up   6 retried jobs that the worker has in work
--       7 of those, how many are on their last try   8.. ids already taken from a bell
-- Returns {Redis time in ms, {id, payload or false, token, tries, created_at, deadline_at, class, doubts,
--          1 if the last doubt is new, 0 if nobody is interested any more,
--          1 if somebody wants the tokens as they come}...}
--
-- Ids come from the caller's blocking pop, then the bells; with 4 set, first the oldest due jobs of the
-- queue: deferred ones, stock arq's, those whose bell was lost and those whose holder's lease has ended.
-- A bell may repeat or name a finished job: whoever holds a lease keeps it, and what left the queue is gone.
-- A job whose last holder had sent its question and never settled may have been billed: a doubt is counted.
-- A job on its last try shares its worker with no other that was retried: whichever of them kills workers,
-- the others are not given up for it. What has to wait for that stays due, and is found by a later look.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

--!include ledger
--!include turns
--!include quotas

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local micros = clock[1] * 1000000 + clock[2]
local lease = tonumber(ARGV[2])
local room = tonumber(ARGV[3])
local tries_max = tonumber(ARGV[5])
local retried = tonumber(ARGV[6])
local last_tries = tonumber(ARGV[7])
local now_text = string.format('%.0f', now)
local claimed = {now_text}
local ids = {}
-- At least the time, so that tokens keep growing even when this Redis lost its memory.
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or 0) + 1, micros)

local function may_join(tries)
  if tries < 2 or tries > tries_max then
    return true
  elseif tries == tries_max then
    return retried == 0
  end
  return last_tries == 0
end

-- Who has claimed a job, when and under which token: the latest ones.
local function claims_of(before, token)
  return string.sub((before or '') .. now_text .. ' ' .. token .. ' ' .. ARGV[1] .. '\n', -1000)
end

local function claim(id)
  local score = tonumber(redis.call('ZSCORE', KEYS[1], id) or 'inf')
  if score > now then
    return
  end
  local job = 'sentinel:job:' .. id
  local record = redis.call('HMGET', job, 'created_at', 'deadline_at', 'class', 'doubts', 'worker', 'sent',
    'flight', 'attempts', 'started_at', 'tries', 'tenant', 'key_id', 'model', 'reserved', 'stream', 'rung',
    'capped', 'claims')
  local tries = tonumber(record[10] or 0) + 1
  local token = string.format('%.0f', fence)
  if not may_join(tries) or not redis.call('SET', 'arq:in-progress:' .. id, token, 'NX', 'PX', lease) then
    return
  end
  if tries > 1 and tries <= tries_max then
    retried = retried + 1
    last_tries = last_tries + (tries == tries_max and 1 or 0)
  end
  local created_at = record[1] or string.format('%.0f', score)
  local doubted = tonumber(record[6] or '') or 0
  local doubts = tonumber(record[4] or 0) + doubted
  redis.call('HSET', job, 'state', 'in_progress', 'fence', token, 'worker', ARGV[1], 'tries', tries,
    'attempts', tonumber(record[8] or 0) + 1, 'created_at', created_at, 'started_at', record[9] or now_text,
    'doubts', doubts, 'sent', '', 'claims', claims_of(record[18], token))
  if doubted > 0 then
    book_doubts(clock[1], record[11], record[12], record[13], record[14], doubted)
  end
  if tries > 1 and record[11] and record[12] then
    -- Its last holder died, and nobody knows whether it had bought an embedding.
    book(clock[1], record[11], {record[12] .. '|' .. (record[13] or '') .. '|embed_doubts', 1})
  end
  redis.call('ZADD', KEYS[1], now + lease, id)
  if record[16] then
    leave_bell(id, record[16], record[11])
  end
  if record[17] then
    redis.call('ZREM', waiting_of(record[17]), id)
  end
  if record[5] and record[5] ~= ARGV[1] then
    redis.call('SREM', 'sentinel:held:' .. record[5], id)
  end
  -- Only what an ingress submitted has callers who can leave; a crashed ingress' interest ends by itself.
  local wanted = 1
  if record[7] and redis.call('ZCOUNT', 'sentinel:waiters:' .. id, now, '+inf') == 0 then
    wanted = 0
  end
  claimed[#claimed + 1] = {
    id, redis.call('GET', 'arq:job:' .. id), token, tries, created_at, record[2], record[3], doubts,
    doubted, wanted, record[15] == '1' and 1 or 0
  }
  ids[#ids + 1] = id
  fence = fence + 1
  room = room - 1
end

if ARGV[4] ~= '' then
  local batch = tonumber(ARGV[4])
  local function look(from, count)
    local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', from, count)
    for _, id in ipairs(found) do
      if room <= 0 then break end
      local is_batch = redis.call('HGET', 'sentinel:job:' .. id, 'class') == 'batch'
      if not (is_batch and batch <= 0) then
        local before = room
        claim(id)
        if is_batch then
          batch = batch - (before - room)
        end
      end
    end
    return #found
  end
  local oldest = room + 100
  if look(0, oldest) == oldest and room > 0 then
    -- The oldest may not be taken now, batch jobs for instance. What else there is stands behind them, in one
    -- of these places each second.
    look(clock[1] * 1000 % redis.call('ZCOUNT', KEYS[1], '-inf', now), 1000)
  end
end
for i = 8, #ARGV do
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
if #ids > 0 then
  redis.call('SET', KEYS[2], string.format('%.0f', fence - 1))
  redis.call('SADD', KEYS[3], unpack(ids))
end
return claimed
