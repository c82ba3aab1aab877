-- Gives a dead letter another life: a new job with the same payload.
--
-- KEYS  1 dead letters   2 queue   3 bell interactive
-- ARGV  1 dead letter's stream id   2 deadline, in ms
-- Returns the new job's id, or false when there is no such letter or its payload was lost.
--
-- Whose it is comes from the letter, which outlives the record of the job that was given up.

local found = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #found == 0 then
  return false
end
local letter = {}
for i = 1, #found[1][2], 2 do
  letter[found[1][2][i]] = found[1][2][i + 1]
end
if letter.payload == '' then
  return false
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local fingerprint = string.match(letter.job, '^(.*)%.%d+$') or letter.job
local id = fingerprint .. '.' .. string.format('%.0f', clock[1] * 1000000 + clock[2])
local deadline = tonumber(ARGV[2])
redis.call('HSET', 'sentinel:job:' .. id, 'state', 'queued', 'class', 'interactive',
  'created_at', string.format('%.0f', now), 'deadline_at', string.format('%.0f', now + deadline),
  'tenant', letter.tenant, 'key_id', letter.key_id, 'model', letter.model, 'metadata', letter.metadata,
  'requeued', letter.job)
redis.call('SET', 'arq:job:' .. id, letter.payload, 'PX', deadline + 60000)
redis.call('ZADD', KEYS[2], now, id)
redis.call('RPUSH', KEYS[3], id)
redis.call('XDEL', KEYS[1], ARGV[1])
return id
