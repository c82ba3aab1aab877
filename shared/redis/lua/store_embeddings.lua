-- Stores embeddings, unless what was asked for then has been purged since.
--
-- KEYS  1 purge marks of the tenant (hash {era, all, label...})   2.. embeddings (hash {era, asked_at, data})
-- ARGV  1 when they were asked for, as Redis ms   2 lifetime, in ms   3 number of labels
--       4.. labels of the request, then the data of each embedding
-- Returns 1 when stored, 0 when purged

local count = tonumber(ARGV[3])
local marks = redis.call('HMGET', KEYS[1], 'era', 'all', unpack(ARGV, 4, 3 + count))
for i = 2, count + 2 do
  if marks[i] and tonumber(marks[i]) >= tonumber(ARGV[1]) then
    return 0
  end
end
local era = marks[1]
if not era then
  local clock = redis.call('TIME')
  era = string.format('%.0f', clock[1] * 1000000 + clock[2])
  redis.call('HSET', KEYS[1], 'era', era)
end
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], 'era', era, 'asked_at', ARGV[1], 'data', ARGV[2 + count + i])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
