-- Notes that a job's question is about to be sent to a provider, if the caller still holds the job.
--
-- KEYS  none
-- ARGV  1 job id   2 fence token   3 calls of this attempt, the coming one included, whose bill only it knows
-- Returns 1 when noted, 0 when the token is no longer the current one: then nothing may be sent.
--
-- From here until the settle, the death of the holder leaves it unknown whether the provider bills.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local job = 'sentinel:job:' .. ARGV[1]
local record = redis.call('HMGET', job, 'fence', 'state')
if record[1] ~= ARGV[2] or record[2] ~= 'in_progress' then
  return 0
end
redis.call('HSET', job, 'sent', ARGV[3])
return 1
