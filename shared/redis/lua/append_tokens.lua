-- Adds tokens to a job's stream and tells them to every ingress that listens.
--
-- KEYS  1 tokens (stream {t})   2 listeners (zset: inbox → until, in Redis ms)
-- ARGV  1 job id   2 fence token   3 most events kept   4 lifetime, in ms   5.. events
-- Returns 1, or 0 when the token is no longer the current one: then nothing was told.
--
-- One message to an inbox's `:tokens` channel is lines: the job, then an id and its event in turn. Past the most
-- that are kept, nothing is told any more: who listens gets the rest from the outcome.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local record = redis.call('HMGET', 'sentinel:job:' .. ARGV[1], 'fence', 'state')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
if redis.call('XLEN', KEYS[1]) + #ARGV - 4 > tonumber(ARGV[3]) then
  return 1
end
local lines = {ARGV[1]}
for i = 5, #ARGV do
  lines[#lines + 1] = redis.call('XADD', KEYS[1], '*', 't', ARGV[i])
  lines[#lines + 1] = ARGV[i]
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local message = table.concat(lines, '\n')
for _, inbox in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], now, '+inf')) do
  redis.call('PUBLISH', inbox .. ':tokens', message)
end
return 1
