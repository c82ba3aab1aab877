-- Keeps the permit of a probe whose call takes its time.
--
-- KEYS  1 the breaker
-- ARGV  1 epoch of the permit   2 how long the permit lives from now, in ms
--       3 the longest that a state lasts, in ms
-- Returns 1 when the permit is the current probe's, else 0: another may be probing.

-- Redis refuses a script for want of memory only before its first write: a probe must not need memory.
redis.call('DEL', 'sentinel:none')

--!include breaker

local breaker = load(tonumber(ARGV[3]))
if breaker.phase ~= 'half_open' or tonumber(ARGV[1]) ~= breaker.epoch then
  return 0
end
breaker.until_ms = now + tonumber(ARGV[2])
save(breaker)
return 1
