-- Notes what its owner says of a job's answer, and ends the flight that would still hand a wrong one out.
--
-- KEYS  1 job (hash)
-- ARGV  1 job id   2 right or wrong
-- Returns what was said of it before, '' for nothing yet; false when there is no such job any more.

local record = redis.call('HMGET', KEYS[1], 'state', 'flight', 'feedback')
if record[1] ~= 'completed' then
  return false
end
redis.call('HSET', KEYS[1], 'feedback', ARGV[2])
if ARGV[2] == 'wrong' and record[2] and redis.call('GET', record[2]) == ARGV[1] then
  redis.call('DEL', record[2])
end
return record[3] or ''
