-- Notes which workers are connected, and names those that were and are no more.
--
-- KEYS  1 presence (hash worker → looks in a row at which it was missing)
-- ARGV  1 misses after which a worker is dead   2 for how long what is noted counts, in ms
--       3 '1' to judge, '0' to forgive what was missed so far
--       4.. worker, '1' when it is connected, for each that ought to be
-- Returns the dead, each once.
--
-- A worker that was never seen connected is not judged: its name may not be visible here, and its lease decides.
-- Whoever looks counts for all, so it does not matter when the one who looked before is dead, or slow.

local known = {}
local noted = redis.call('HGETALL', KEYS[1])
for i = 1, #noted, 2 do
  known[noted[i]] = tonumber(noted[i + 1])
end
local dead, now = {}, {}
for i = 4, #ARGV, 2 do
  local worker, misses = ARGV[i], known[ARGV[i]]
  if ARGV[i + 1] == '1' or (misses and ARGV[3] == '0') then
    misses = 0
  elseif misses then
    misses = misses + 1
  end
  if misses and misses >= tonumber(ARGV[1]) then
    dead[#dead + 1] = worker
  elseif misses then
    now[#now + 1] = worker
    now[#now + 1] = misses
  end
end
redis.call('DEL', KEYS[1])
if #now > 0 then
  redis.call('HSET', KEYS[1], unpack(now))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return dead
