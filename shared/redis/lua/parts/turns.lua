-- A tenant has so many jobs of a class on the bell at a time; its others are parked in a list of its own, in order,
-- and each takes the place of one that leaves the bell. So nobody waits behind more than a few of another's jobs.
-- The queue knows the parked ones too: what a bell loses, and what is parked behind it, a scan finds.

-- How many jobs of a class a tenant has waiting, and how many tenants have any, this one counted.
local function place_of(class, tenant)
  local rung = tonumber(redis.call('HGET', 'sentinel:rung:' .. class, tenant) or 0)
  local parked = redis.call('LLEN', 'sentinel:parked:' .. class .. ':' .. tenant)
  return rung + parked, redis.call('HLEN', 'sentinel:rung:' .. class) + (rung == 0 and 1 or 0)
end

local function count_on_bell(id, class, tenant)
  redis.call('HINCRBY', 'sentinel:rung:' .. class, tenant, 1)
  redis.call('HSET', 'sentinel:job:' .. id, 'rung', class)
end

-- Whether a new job may be rung for at once; else it is parked.
local function takes_turn(id, class, tenant, window)
  if window <= 0 or not tenant then
    return true
  elseif tonumber(redis.call('HGET', 'sentinel:rung:' .. class, tenant) or 0) < window then
    count_on_bell(id, class, tenant)
    return true
  end
  redis.call('RPUSH', 'sentinel:parked:' .. class .. ':' .. tenant, id)
  redis.call('INCR', 'sentinel:parked:' .. class)
  return false
end

local function next_parked(class, tenant)
  local id = redis.call('LPOP', 'sentinel:parked:' .. class .. ':' .. tenant)
  if id and redis.call('DECR', 'sentinel:parked:' .. class) <= 0 then
    redis.call('DEL', 'sentinel:parked:' .. class)
  end
  return id
end

-- Call it when a job is no longer queued; `class` is what its record has in `rung`.
local function leave_bell(id, class, tenant)
  redis.call('HDEL', 'sentinel:job:' .. id, 'rung')
  if redis.call('HINCRBY', 'sentinel:rung:' .. class, tenant, -1) <= 0 then
    redis.call('HDEL', 'sentinel:rung:' .. class, tenant)
  end
  local waiting = next_parked(class, tenant)
  while waiting do
    -- A scan may have found it first, or nobody wants it any more.
    if redis.call('HGET', 'sentinel:job:' .. waiting, 'state') == 'queued' then
      count_on_bell(waiting, class, tenant)
      redis.call('RPUSH', 'sentinel:bell:' .. class, waiting)
      return
    end
    waiting = next_parked(class, tenant)
  end
end
