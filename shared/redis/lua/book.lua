-- Adds a batch of amounts to the ledger, once: a batch that was sent again changes nothing.
--
-- KEYS  1 mark of the batch
-- ARGV  1.. tenant, field, amount triples
-- Returns 1 when booked, 0 when it had been.

--!include ledger

if not redis.call('SET', KEYS[1], '', 'NX', 'EX', 86400) then
  return 0
end
local clock = redis.call('TIME')
for i = 1, #ARGV, 3 do
  book(clock[1], ARGV[i], {ARGV[i + 1], ARGV[i + 2]})
end
return 1
