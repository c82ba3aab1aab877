-- shared/breaker.py in Lua: see there. KEYS[1] is the breaker's hash; whatever else lies there is thrown away.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local LIFE_MS = 86400000

-- A whole number as it is saved. Lua would read `inf`, `nan` and `0x7` as well.
local function whole(text)
  return text and #text <= 16 and string.find(text, '^%-?%d+$') and tonumber(text)
end

-- `longest_ms` is the most that any state may last: one that ends later, as after a jump of the clock, is not
-- believed.
local function load(longest_ms)
  local found = redis.pcall('HMGET', KEYS[1], 'phase', 'epoch', 'window', 'trips', 'until_ms')
  if found.err then
    redis.call('DEL', KEYS[1])
    found = {}
  end
  local breaker = {phase = found[1], epoch = whole(found[2]), window = found[3], trips = whole(found[4]),
    until_ms = whole(found[5])}
  local known = breaker.phase == 'closed' or breaker.phase == 'open' or breaker.phase == 'half_open'
  if not (known and breaker.epoch and breaker.trips and breaker.until_ms and breaker.window
    and not string.find(breaker.window, '[^01]') and breaker.until_ms - now <= longest_ms) then
    return {phase = 'closed', epoch = 0, window = '', trips = 0, until_ms = 0}
  end
  return breaker
end

local function save(breaker)
  redis.call('HSET', KEYS[1], 'phase', breaker.phase, 'epoch', string.format('%.0f', breaker.epoch),
    'window', breaker.window, 'trips', string.format('%.0f', breaker.trips),
    'until_ms', string.format('%.0f', breaker.until_ms))
  redis.call('PEXPIRE', KEYS[1], LIFE_MS)
end

local function enter(breaker, phase, until_ms)
  breaker.phase = phase
  breaker.epoch = math.max(breaker.epoch + 1, now)
  breaker.until_ms = until_ms
end

local function open(breaker, cooldown_ms, cooldown_max_ms)
  breaker.trips = breaker.trips + 1
  local lasts = math.min(cooldown_max_ms, cooldown_ms * 2 ^ math.min(breaker.trips - 1, 20))
  enter(breaker, 'open', now + math.floor(lasts))
end

local function close(breaker)
  breaker.window = ''
  breaker.trips = 0
  enter(breaker, 'closed', 0)
end
