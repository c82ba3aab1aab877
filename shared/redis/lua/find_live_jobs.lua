-- Finds jobs that have not settled, the newest first, with what they have in common. Reads only.
--
-- KEYS  1 queue
-- ARGV  1 queued or in_progress   2 most jobs returned   3 most jobs looked at
--       4.. field, value pairs that a job's record must have
-- Returns {Redis time in ms, jobs of this state or due in another, {id, field, value...}...}
--
-- A running job's score is the end of its lease, which lies in the future; so is that of one put off.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local low, high = '-inf', now
if ARGV[1] == 'in_progress' then
  low, high = '(' .. string.format('%.0f', now), '+inf'
end
local shown = {'state', 'tenant', 'model', 'class', 'created_at', 'started_at', 'worker', 'attempts', 'twins'}
local found = {string.format('%.0f', now), redis.call('ZCOUNT', KEYS[1], low, high)}
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[1], high, low, 'LIMIT', 0, ARGV[3])) do
  local record = redis.call('HMGET', 'sentinel:job:' .. id, unpack(shown))
  local fits = record[1] == ARGV[1] or (not record[1] and ARGV[1] == 'queued')
  for i = 4, #ARGV, 2 do
    for n, name in ipairs(shown) do
      if name == ARGV[i] and record[n] ~= ARGV[i + 1] then
        fits = false
      end
    end
  end
  if fits then
    local row = {id}
    for n, name in ipairs(shown) do
      row[#row + 1] = name
      row[#row + 1] = record[n] or ''
    end
    found[#found + 1] = row
    if #found == tonumber(ARGV[2]) + 2 then
      break
    end
  end
end
return found
