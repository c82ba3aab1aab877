-- Gives a tenant or a key a budget of its own, replaces it, or removes it; whoever follows sees the version grow.
--
-- KEYS  1 the own budgets (hash `t:<tenant>` or `k:<key id>` → JSON, and `version`)
-- ARGV  1 whose   2 the budget as JSON, '' to remove it   3 most budgets there may be
-- Returns 1, 0 when there was none to remove, or -1 when there are too many: then nothing was written.

local known = redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
if ARGV[2] == '' then
  if not known then
    return 0
  end
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  -- The version is a field too.
  if not known and redis.call('HLEN', KEYS[1]) > tonumber(ARGV[3]) then
    return -1
  end
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1
