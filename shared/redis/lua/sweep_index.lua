-- Takes rows whose entries are gone out of a partition's snapshot, without telling anybody: rows expire by
-- themselves in every worker.
--
-- KEYS  1 index of the partition   2.. entries
-- ARGV  1.. entry ids, in the same order
-- Returns how many rows there were to take.

local swept = 0
for number, entry_id in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[number + 1]) == 0 then
    swept = swept + redis.call('HDEL', KEYS[1], entry_id)
  end
end
return swept
