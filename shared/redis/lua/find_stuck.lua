-- Looks for jobs that do not get on. Reads only.
--
-- KEYS  1 queue
-- ARGV  1 wait that is too long, in ms   2 run that is too long, in ms   3 most jobs looked at in each state
-- Returns {id, reason, state, for how long in ms, worker}...
--   'late' its deadline has passed; 'unclaimed' it waits too long; 'lapsed' it runs without a lease;
--   'slow' it runs too long; 'restarted' it was claimed three times or more

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local found = {}

local function look(id, due)
  local job = redis.call('HMGET', 'sentinel:job:' .. id, 'state', 'created_at', 'started_at', 'deadline_at', 'worker',
    'attempts')
  local state = job[1] or 'queued'
  local waited = now - tonumber(job[2] or now)
  local ran = now - tonumber(job[3] or now)
  local reason, how_long
  if job[4] and tonumber(job[4]) < now then
    reason, how_long = 'late', now - tonumber(job[4])
  elseif state == 'in_progress' and due then
    reason, how_long = 'lapsed', ran
  elseif state == 'queued' and waited > tonumber(ARGV[1]) then
    reason, how_long = 'unclaimed', waited
  elseif state == 'in_progress' and ran > tonumber(ARGV[2]) then
    reason, how_long = 'slow', ran
  elseif tonumber(job[6] or 0) >= 3 then
    reason, how_long = 'restarted', waited
  end
  if reason then
    found[#found + 1] = {id, reason, state, how_long, job[5] or ''}
  end
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[3])) do
  look(id, true)
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf', 'LIMIT', 0, ARGV[3])) do
  look(id, false)
end
return found
