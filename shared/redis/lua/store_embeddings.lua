-- Stores embeddings, unless what was asked for then has been purged since.
--
-- KEYS  1 purge marks of the tenant (hash {era, all, label...})   2.. embeddings (hash {era, asked_at, data})
-- ARGV  1 when they were asked for, as Redis ms   2 lifetime, in ms   3 number of labels
--       4.. labels of the request, then the data of each embedding
-- Returns 1 when stored, 0 when purged

--!include marks

local count = tonumber(ARGV[3])
local era = era_for(KEYS[1], tonumber(ARGV[1]), {unpack(ARGV, 4, 3 + count)})
if not era then
  return 0
end
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], 'era', era, 'asked_at', ARGV[1], 'data', ARGV[2 + count + i])
  redis.call('PEXPIRE', KEYS[i], ARGV[2])
end
return 1
