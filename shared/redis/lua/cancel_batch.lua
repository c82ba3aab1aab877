-- Lets a batch ask no further line.
--
-- KEYS  1 batch (hash)
-- ARGV  none
-- Returns its state
--
-- Lines that are under way end by themselves, and the last of them ends the batch; without any its feeder does.

local state = redis.call('HGET', KEYS[1], 'state')
if state == 'in_progress' then
  redis.call('HSET', KEYS[1], 'state', 'cancelling')
  return 'cancelling'
end
return state
