-- Asks a provider's breaker for a permit to call.
--
-- KEYS  1 the breaker
-- ARGV  1 how long a probe's permit lives, in ms   2 the longest that a state lasts, in ms
-- Returns {epoch of the permit, ms to wait: above 0 there is no permit, phase before, phase after}
--
-- Redis runs one script at a time: exactly one caller finds the cooldown over and becomes the probe.

-- Redis refuses a script for want of memory only before its first write: a probe must not need memory.
redis.call('DEL', 'sentinel:none')

--!include breaker

local breaker = load(tonumber(ARGV[2]))
local before, wait = breaker.phase, 0
if before ~= 'closed' then
  if now < breaker.until_ms then
    wait = breaker.until_ms - now
  else
    enter(breaker, 'half_open', now + tonumber(ARGV[1]))
    save(breaker)
  end
end
return {string.format('%.0f', breaker.epoch), wait, before, breaker.phase}
