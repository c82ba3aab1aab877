-- Closes a provider's breaker, whatever it was.
--
-- KEYS  1 the breaker
-- Returns the phase it was in. Calls that are under way count for nothing in the new state.

--!include breaker

local breaker = load(math.huge)
local before = breaker.phase
close(breaker)
save(breaker)
return before
