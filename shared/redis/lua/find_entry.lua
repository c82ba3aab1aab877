-- Reads an entry unless it has been purged, and tells the newest purge that concerns the question.
--
-- KEYS  1 entry (hash {fence, data, tenant, asked_at, era, labels} or, purged, {tenant, purged_at})
--       2 purge marks of the tenant (hash {era, all, label...})
-- ARGV  1 tenant   2.. labels of the question, whose marks are told
-- Returns {entry or false, newest mark as Redis ms, '0' for none}
--
-- Purged is what was asked for no later than a mark of its own labels, and what was stored under other marks
-- than there are now: they were evicted, and nobody knows what they said. What is found purged is deleted.

local entry = redis.call('HMGET', KEYS[1], 'data', 'tenant', 'asked_at', 'era', 'labels', 'purged_at')
if entry[2] and entry[2] ~= ARGV[1] then
  return {false, '0'}
end
local names = {'era', 'all', unpack(ARGV, 2)}
local asked = #names
for label in string.gmatch(entry[5] or '', '%S+') do
  names[#names + 1] = label
end
local marks = redis.call('HMGET', KEYS[2], unpack(names))

local newest = tonumber(entry[6] or 0)
for i = 2, asked do
  newest = math.max(newest, tonumber(marks[i] or 0))
end
local newest_text = string.format('%.0f', newest)
if not entry[1] then
  return {false, newest_text}
end
local purged = entry[4] and entry[4] ~= marks[1]
for i = 2, #names do
  -- A question's own labels and those of its entry may differ: only the entry's purge it.
  if marks[i] and (i == 2 or i > asked) and tonumber(marks[i]) >= tonumber(entry[3] or 0) then
    purged = true
  end
end
if purged then
  redis.call('DEL', KEYS[1])
  return {false, newest_text}
end
return {entry[1], newest_text}
