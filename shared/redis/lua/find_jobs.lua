-- Finds settled jobs, the newest first, with what they have in common. Reads only.
--
-- KEYS  1 history
-- ARGV  1 last row of the page before, '' to begin with the newest   2 '1' when that row itself may be shown
--       3 first ms that counts, '' for all   4 last ms that counts, '' for all
--       5 most rows returned   6 most rows looked at, a quarter of it through an index   7.. field, value pairs that a row must have
-- Returns {rows looked at, id of the last of them or '', 1 when there may be more, {id, fields}...}
--
-- Walks the shortest of the streams that fit, so that a rare value is found at once, and stops at its bound: a
-- page costs the same however long the history is.

local from, to = '+', ARGV[3] == '' and '-' or ARGV[3]
if ARGV[1] ~= '' then
  from = (ARGV[2] == '1' and '' or '(') .. ARGV[1]
elseif ARGV[4] ~= '' then
  from = ARGV[4]
end
local wanted, most = tonumber(ARGV[5]), tonumber(ARGV[6])
local indexed = {state = true, model = true, tenant = true, class = true, hit = true, error = true}
local plain = {state = 'completed', hit = 'miss', class = 'interactive'}
local walked, shortest = KEYS[1], redis.call('XLEN', KEYS[1])
for i = 7, #ARGV, 2 do
  if indexed[ARGV[i]] and plain[ARGV[i]] ~= ARGV[i + 1] then
    local ids = KEYS[1] .. ':' .. ARGV[i] .. ':' .. ARGV[i + 1]
    local length = redis.call('XLEN', ids)
    if length < shortest then
      walked, shortest = ids, length
    end
  end
end

if walked ~= KEYS[1] then
  -- Each id is looked up by itself, which costs far more than the next row of the history.
  most = math.floor(most / 4)
end

local function fits(row)
  local has = {}
  for i = 1, #row, 2 do
    has[row[i]] = row[i + 1]
  end
  for i = 7, #ARGV, 2 do
    if has[ARGV[i]] ~= ARGV[i + 1] then
      return false
    end
  end
  return true
end

local found, looked, last = {}, 0, ''
while looked < most do
  local batch = math.min(100, most - looked)
  local rows = redis.call('XREVRANGE', walked, from, to, 'COUNT', batch)
  for _, row in ipairs(rows) do
    looked = looked + 1
    last = row[1]
    local fields = row[2]
    if walked ~= KEYS[1] then
      local whole = redis.call('XRANGE', KEYS[1], last, last)[1]
      if not whole then
        -- Rows leave the history oldest first: what is older is gone as well.
        return {looked, last, 0, unpack(found)}
      end
      fields = whole[2]
    end
    if fits(fields) then
      found[#found + 1] = {last, fields}
      if #found == wanted then
        return {looked, last, 1, unpack(found)}
      end
    end
  end
  if #rows < batch then
    return {looked, last, 0, unpack(found)}
  end
  from = '(' .. last
end
return {looked, last, 1, unpack(found)}
