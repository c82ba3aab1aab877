-- Who is in a job's waiters: `polled:<key id>` for a key that has the id; `<inbox>|<number>` for one caller who
-- waits at an ingress; `watch:<inbox>` for an ingress that is to be told and wants nothing itself.

-- Whether anybody wants the job's outcome.
local function is_wanted(waiters, now)
  for _, who in ipairs(redis.call('ZRANGEBYSCORE', waiters, now, '+inf')) do
    if who:sub(1, 6) ~= 'watch:' then
      return true
    end
  end
  return false
end

-- Tells every ingress once, however many of its callers wait.
local function tell(waiters, now, announcement)
  local told = {}
  for _, who in ipairs(redis.call('ZRANGEBYSCORE', waiters, now, '+inf')) do
    local inbox = who:gsub('^watch:', ''):match('^[^|]*')
    if not told[inbox] and who:sub(1, 7) ~= 'polled:' then
      told[inbox] = true
      redis.call('PUBLISH', inbox, announcement)
    end
  end
end
