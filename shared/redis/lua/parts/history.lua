-- The history of settled jobs: a stream of rows, and for what is looked for a stream of the ids of those rows.
-- What nearly every job is (completed, interactive, bought) needs no stream of its own.

-- Notes that a job has settled. `job` is its tenant, model, class, created_at, started_at, worker, attempts and
-- twins; `most` rows are kept, '0' for none.
local function remember(id, job, state, hit, failure, most)
  if most == '0' then
    return
  end
  local row = redis.call('XADD', 'sentinel:history', 'MAXLEN', '~', most, '*', 'job', id, 'state', state,
    'tenant', job[1] or '', 'model', job[2] or '', 'class', job[3] or 'interactive', 'hit', hit, 'error', failure,
    'created', job[4] or '', 'started', job[5] or '', 'worker', job[6] or '', 'attempts', job[7] or '0',
    'twins', job[8] or '0')
  local function index(facet, value)
    if value and value ~= '' then
      redis.call('XADD', 'sentinel:history:' .. facet .. ':' .. value, 'MAXLEN', '~', most, row, 'r', '')
    end
  end
  index('model', job[2])
  index('tenant', job[1])
  index('state', state ~= 'completed' and state)
  index('error', failure)
  index('hit', hit ~= 'miss' and hit)
  index('class', job[3] == 'batch' and 'batch')
end
