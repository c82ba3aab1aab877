-- Purge marks of a tenant: hash {era, all, label...}, see shared/purging.py.

-- The era that something is stored under which was asked for at `asked_at` (Redis ms) with these labels; nil when one of
-- them, or all, has been purged since. The first to store anything begins the era.
local function era_for(marks_of_tenant, asked_at, labels)
  local marks = redis.call('HMGET', marks_of_tenant, 'era', 'all', unpack(labels))
  for i = 2, #labels + 2 do
    if marks[i] and tonumber(marks[i]) >= asked_at then
      return nil
    end
  end
  local era = marks[1]
  if not era then
    local clock = redis.call('TIME')
    era = string.format('%.0f', clock[1] * 1000000 + clock[2])
    redis.call('HSET', marks_of_tenant, 'era', era)
  end
  return era
end
