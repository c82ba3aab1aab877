-- Answers from the flight that just landed, joins the one under way, or starts a new one.
--
-- KEYS  1 flight   2 queue   3 bell of the class   4 throughput of the fleet   5 bell of batch jobs
-- ARGV  1 fingerprint   2 payload (arq layout)   3 who is interested: `<inbox>|<number>` or `polled:<key id>`
--       4 for how long, in ms   5 deadline, in ms from now   6 most jobs of a class that may wait
--       7 class: interactive or batch
--       8 what the job may cost, in picodollars, '0' when no budget asks   9 number of budgets
--       10 jobs of one tenant that may be on the bell, 0 for any number
--       11 most unsettled jobs of the key, 12 most of them that wait, '' for any number
--       13 model tokens that the key may buy a minute, '' for any number   14 those that the job may take
--       15.. for each budget: d(ay) or m(onth), whose (`t:<tenant>` or `k:<key id>`), most picodollars or ''
--       then field, value pairs of the job's record, `tenant` and `key_id` among them
-- Returns {verdict, job id, state, outcome or false, Redis time in ms, jobs ahead, wait in ms,
--          for each budget what it has spent or set aside by now, in picodollars}
--   'landed'  the flight has completed and its outcome is still in hand
--   'joined'  the flight is under way; whoever is interested is told when it lands
--   'created' a new job was queued and its bell rung
--   'full'    as many jobs wait as may; 'late' those before it take longer than the deadline;
--   'crowded' the key has as many jobs unsettled or waiting as it may
--   'drained' the key has bought as many tokens as it may for now; the wait is until it may again
--   'broke'   a budget has no room for what the job may cost. Nothing was written.
--
-- The job id carries the Redis time in microseconds as its generation, so that a later flight of the same
-- question can never change an earlier job.
--
-- Batch jobs let interactive ones pass, so that only a batch job has those of both classes before it: however
-- many batch jobs wait, an interactive one is not refused for them.
--
-- Budgets are read and money is set aside in this one step, so that no two jobs take the same last dollar.

--!include ledger
--!include turns
--!include quotas

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local now_text = string.format('%.0f', now)
local deadline = tonumber(ARGV[5])

local function interested_in(id)
  local waiters = 'sentinel:waiters:' .. id
  redis.call('ZADD', waiters, 'GT', now + tonumber(ARGV[4]), ARGV[3])
  redis.call('PEXPIRE', waiters, deadline + 60000)
end

-- A bell also names what was cancelled or found otherwise; when that is most of it, its oldest half goes, and
-- whatever waits there is found by a scan.
local function ring(bell, id)
  local most = 2 * tonumber(ARGV[6])
  if redis.call('RPUSH', bell, id) > most then
    redis.call('LTRIM', bell, -most / 2, -1)
  end
end

local id = redis.call('GET', KEYS[1])
if id then
  local job = 'sentinel:job:' .. id
  local record = redis.call('HMGET', job, 'state', 'class', 'deadline_at')
  local state = record[1]
  if state == 'completed' then
    local outcome = redis.call('GET', 'arq:result:' .. id)
    if outcome then
      return {'landed', id, state, outcome, now_text, 0, 0, {}}
    end
  elseif state == 'in_progress' or (state == 'queued' and now < tonumber(record[3] or 'inf')) then
    -- One whose deadline has passed in the queue is only there to be told so, once a worker comes.
    interested_in(id)
    redis.call('HINCRBY', job, 'twins', 1)
    if state == 'queued' and record[2] == 'batch' and ARGV[7] == 'interactive' then
      -- Somebody is waiting for it now; its place in the other bell has become stale, which is harmless.
      redis.call('HSET', job, 'class', 'interactive')
      ring(KEYS[3], id)
    end
    return {'joined', id, state, false, now_text, 0, 0, {}}
  end
end

local budgets = tonumber(ARGV[9])
local fields = 15 + 3 * budgets
local asked = {}
for i = fields, #ARGV, 2 do
  asked[ARGV[i]] = ARGV[i + 1]
end

-- Running jobs stay in the queue with a score in the future: only those that are due still wait.
local due = redis.call('ZCOUNT', KEYS[2], '-inf', now)
local ahead = due
if ARGV[7] == 'interactive' then
  local parked = tonumber(redis.call('GET', 'sentinel:parked:batch') or 0)
  ahead = math.max(0, due - redis.call('LLEN', KEYS[5]) - parked)
end
local most = tonumber(ARGV[6])
-- Nobody has measured a fleet without workers: then only the depth is bounded.
local throughput = tonumber(redis.call('GET', KEYS[4]) or 0)
local function ms_for(jobs)
  return throughput > 0 and math.ceil(jobs / throughput * 1000) or 0
end
local too_many = math.max(ahead - most, due - 2 * most) + 1
-- Whoever has little waiting is not refused for what others have: turns bring it to its worker before those.
local window, has_room = tonumber(ARGV[10]), false
if window > 0 and asked.tenant then
  local own, tenants = place_of(ARGV[7], asked.tenant)
  if tenants > 1 then
    has_room = own < math.max(1, math.min(window, math.floor(most / tenants)))
    ahead = math.min(ahead, (own + window) * tenants)
  end
end
if too_many > 0 and not has_room then
  return {'full', '', '', false, now_text, ahead, ms_for(too_many), {}}
end
if ms_for(ahead) > deadline then
  return {'late', '', '', false, now_text, ahead, ms_for(ahead) - deadline, {}}
end

local key_id = asked.key_id
local most_jobs, most_waiting, token_limit = tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
if (most_jobs and is_full(unsettled_of(key_id), now, most_jobs))
  or (most_waiting and is_full(waiting_of(key_id), now, most_waiting)) then
  return {'crowded', '', '', false, now_text, ahead, 0, {}}
end
local model_tokens, tokens_left = 0, 0
if token_limit then
  model_tokens = math.min(token_limit, tonumber(ARGV[14]))
  tokens_left = model_tokens_of(key_id, token_limit, now) - model_tokens
  if tokens_left < 0 then
    return {'drained', '', '', false, now_text, ahead, math.ceil(-tokens_left * 60000 / token_limit), {}}
  end
end

local cost = tonumber(ARGV[8])
local used, broke = {}, false
for i = 15, 14 + 3 * budgets, 3 do
  local spent = tonumber(redis.call('HGET', totals_of(clock[1], ARGV[i]), ARGV[i + 1]) or 0)
    + tonumber(redis.call('HGET', 'sentinel:reserved', ARGV[i + 1]) or 0)
  broke = broke or (ARGV[i + 2] ~= '' and spent + cost > tonumber(ARGV[i + 2]))
  used[#used + 1] = string.format('%.0f', spent)
end
if broke then
  return {'broke', '', '', false, now_text, ahead, 0, used}
end

id = ARGV[1] .. '.' .. string.format('%.0f', clock[1] * 1000000 + clock[2])
redis.call('HSET', 'sentinel:job:' .. id, 'state', 'queued', 'class', ARGV[7], 'created_at', now_text,
  'flight', KEYS[1], 'deadline_at', string.format('%.0f', now + deadline),
  unpack(ARGV, fields))
if cost > 0 then
  local record = redis.call('HMGET', 'sentinel:job:' .. id, 'tenant', 'key_id')
  reserve(record[1], record[2], '', ARGV[8])
  redis.call('HSET', 'sentinel:job:' .. id, 'reserved', ARGV[8])
end
local ends_at, lives_ms = now + deadline, deadline + 60000
if most_jobs or most_waiting then
  count_in(unsettled_of(key_id), id, ends_at, lives_ms)
  count_in(waiting_of(key_id), id, ends_at, lives_ms)
end
if model_tokens > 0 then
  take_model_tokens(key_id, token_limit, now, tokens_left)
end
if most_jobs or most_waiting or model_tokens > 0 then
  redis.call('HSET', 'sentinel:job:' .. id, 'capped', key_id, 'tokens_set_aside', model_tokens)
end
-- A record outlives its deadline until somebody settles it; the scan does, at the latest.
redis.call('SET', 'arq:job:' .. id, ARGV[2], 'PX', deadline + 60000)
redis.call('SET', KEYS[1], id)
redis.call('ZADD', KEYS[2], now, id)
if takes_turn(id, ARGV[7], asked.tenant, window) then
  ring(KEYS[3], id)
end
interested_in(id)
return {'created', id, 'queued', false, now_text, ahead, ms_for(ahead), used}
