-- Holds all calls to a model of a provider, because it refused one for its rate limit.
--
-- KEYS  1 pause (hash {until, step})
-- ARGV  1 Retry-After, in ms (0: none was said)   2 longest pause, in ms   3 first pause when none is said, in ms
-- Returns ms until calls may go out again
--
-- A pause never gets shorter. Without a Retry-After it doubles while refusals go on, once for each pause: of the
-- calls that were under way together, all but the first find it in force. A quiet minute forgets the doubling.

-- Redis refuses a script for want of memory only before its first write: ending work must not need memory.
redis.call('DEL', 'sentinel:none')

local said = tonumber(ARGV[1])
local longest = tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local saved = redis.call('HMGET', KEYS[1], 'until', 'step')
local until_ms = tonumber(saved[1]) or 0
local step = tonumber(saved[2]) or 0
local wait = math.min(longest, said)
if said <= 0 and until_ms <= now then
  step = math.min(longest, step > 0 and step * 2 or tonumber(ARGV[3]))
  wait = step
end
-- A clock that stepped back must not make a pause longer than any may be.
until_ms = math.max(math.min(until_ms, now + longest), now + wait)
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', until_ms), 'step', string.format('%.0f', step))
redis.call('PEXPIRE', KEYS[1], until_ms - now + math.max(60000, step))
return until_ms - now
