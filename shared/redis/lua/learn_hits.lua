-- Adds to what is known of a policy's hits, and halves all of it once it is much: what is old counts less.
--
-- KEYS  1 tally (hash `p|r|w<bin>` → count)   2 tallies (zset)
-- ARGV  1 the tally's member in the zset   2 lifetime, in ms   3 most proposals before all is halved
--       4 most tallies kept   5.. field, amount pairs; an amount may be below 0
-- Returns how many proposals are counted now.
--
-- Whatever cannot be read as counts is forgotten: to know nothing is safe, since then nothing hits.

local clock = redis.call('TIME')
local kind = redis.call('TYPE', KEYS[1])
kind = type(kind) == 'table' and kind.ok or kind
local known, sound = {}, kind == 'hash' or kind == 'none'
if kind == 'hash' then
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local count = tonumber(fields[i + 1])
    sound = sound and string.match(fields[i], '^[prw]%d+$') ~= nil and count ~= nil
      and count >= 0 and count < 1e12 and count == math.floor(count)
    known[fields[i]] = count
  end
end
if not sound then
  redis.call('DEL', KEYS[1])
  known = {}
end
for i = 5, #ARGV, 2 do
  known[ARGV[i]] = math.max(0, (known[ARGV[i]] or 0) + tonumber(ARGV[i + 1]))
end
local proposals = 0
for field, count in pairs(known) do
  if string.sub(field, 1, 1) == 'p' then
    proposals = proposals + count
  end
end
local share = proposals > tonumber(ARGV[3]) and 0.5 or 1
local flat = {}
for field, count in pairs(known) do
  flat[#flat + 1] = field
  flat[#flat + 1] = string.format('%.0f', math.floor(count * share))
end
if #flat > 0 then
  redis.call('HSET', KEYS[1], unpack(flat))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('ZADD', KEYS[2], clock[1], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -1 - tonumber(ARGV[4]))
end
return math.floor(proposals * share)
