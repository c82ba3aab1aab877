-- Months since January 1970, in UTC, of a day counted since then (Hinnant, "chrono-Compatible Low-Level Date
-- Algorithms": years that begin in March have their leap day at the end).
local function month_of(day)
  local since = day + 719468
  local era = math.floor(since / 146097)
  local of_era = since - era * 146097
  local year = math.floor((of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524)
    - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  return (year + era * 400 - 1970) * 12 + math.floor((5 * of_year + 2) / 153) + 2
end

local function totals_of(seconds, period)
  local day = math.floor(seconds / 86400)
  return 'sentinel:spent:' .. period .. (period == 'd' and day or month_of(day))
end

-- Adds picodollars to what budgets are held against.
local function spend(seconds, tenant, key_id, amount)
  for _, period in ipairs({'d', 'm'}) do
    local totals = totals_of(seconds, period)
    redis.call('HINCRBY', totals, 't:' .. tenant, amount)
    redis.call('HINCRBY', totals, 'k:' .. key_id, amount)
    redis.call('EXPIRE', totals, 3456000)
  end
end

-- Adds amounts to one tenant's ledger of today, which is kept for 400 days. A call that nobody will ever know
-- the cost of counts against budgets with what was set aside for it.
local function book(seconds, tenant, lines, reserved)
  local day = 'sentinel:ledger:' .. math.floor(seconds / 86400)
  for i = 1, #lines, 2 do
    redis.call('HINCRBY', day .. ':' .. tenant, lines[i], lines[i + 1])
    local key_id, measure = lines[i]:match('^([^|]*)|.*|([^|]*)$')
    if measure == 'cost' or measure == 'embed_cost' or string.sub(measure, 1, 6) == 'saved_' then
      local totals = 'sentinel:totals:' .. math.floor(seconds / 86400)
      if redis.call('HINCRBY', totals, measure, lines[i + 1]) == tonumber(lines[i + 1]) then
        redis.call('EXPIRE', totals, 34560000)
      end
    end
    if measure == 'cost' or measure == 'embed_cost' then
      spend(seconds, tenant, key_id, lines[i + 1])
    elseif reserved and (measure == 'doubts' or measure == 'unknown') then
      spend(seconds, tenant, key_id, reserved)
    end
  end
  redis.call('EXPIRE', day .. ':' .. tenant, 34560000)
  redis.call('SADD', day, tenant)
  redis.call('EXPIRE', day, 34560000)
end

-- Counts the calls of an attempt that may have been billed although their usage will never be known.
local function book_doubts(seconds, tenant, key_id, model, reserved, count)
  if tenant then
    local held = reserved and string.format('%.0f', tonumber(reserved) * count)
    book(seconds, tenant, {(key_id or '') .. '|' .. (model or '') .. '|doubts', count}, held)
  end
end

-- Changes what is set aside for jobs in work; `sign` is '' or '-'.
local function reserve(tenant, key_id, sign, amount)
  for _, who in ipairs({'t:' .. tenant, 'k:' .. key_id}) do
    if redis.call('HINCRBY', 'sentinel:reserved', who, sign .. amount) == 0 then
      redis.call('HDEL', 'sentinel:reserved', who)
    end
  end
end
