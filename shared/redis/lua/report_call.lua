-- Tells a provider's breaker how a call ended.
--
-- KEYS  1 the breaker
-- ARGV  1 epoch of the permit   2 success, failure or ignored   3 failures in a row that open it
--       4 outcomes that are remembered   5 share of failures among them that opens it
--       6 cooldown, in ms   7 most cooldown, in ms   8 the longest that a state lasts, in ms
-- Returns {phase before, phase after, failures among the remembered, remembered, end of the state in ms}
--
-- What was permitted in an earlier state changes nothing, so that no late reply closes or opens anything.

-- Redis refuses a script for want of memory only before its first write: a breaker must not need memory.
redis.call('DEL', 'sentinel:none')

--!include breaker

local breaker = load(tonumber(ARGV[8]))
local before = breaker.phase
local verdict = ARGV[2]
local _, failed = string.gsub(breaker.window, '1', '')
local counted = #breaker.window

local function trips(window)
  local failures = tonumber(ARGV[3])
  return string.sub(window, -failures) == string.rep('1', failures)
    or (counted == tonumber(ARGV[4]) and failed >= failures and failed >= tonumber(ARGV[5]) * counted)
end

if tonumber(ARGV[1]) == breaker.epoch and before ~= 'open' then
  if before == 'half_open' then
    if verdict == 'success' then
      close(breaker)
    elseif verdict == 'failure' then
      open(breaker, tonumber(ARGV[6]), tonumber(ARGV[7]))
    else
      enter(breaker, 'open', now)
    end
    save(breaker)
  elseif verdict ~= 'ignored' then
    breaker.window = string.sub(breaker.window .. (verdict == 'failure' and '1' or '0'), -tonumber(ARGV[4]))
    _, failed = string.gsub(breaker.window, '1', '')
    counted = #breaker.window
    if trips(breaker.window) then
      open(breaker, tonumber(ARGV[6]), tonumber(ARGV[7]))
    end
    save(breaker)
  end
end
return {before, breaker.phase, failed, counted, string.format('%.0f', breaker.until_ms)}
