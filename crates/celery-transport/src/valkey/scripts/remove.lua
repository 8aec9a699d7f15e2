-- Empties a queue, or removes it with its binding.
--
-- Mirrors kombu/transport/redis.py: Channel._purge, Channel._delete; and the same of celery_redis_plus 0.4.
--
-- KEYS  1 sorted set of the queue, 2 its index; to remove it also 3 and 4: the bindings of its exchange, the permanent
--       ones; then its lists
-- ARGV  1 global_keyprefix, 2 the binding, or "" to empty the queue only, 3 how many of the KEYS are no lists
-- Returns  how many messages were in it; those that workers hold are not among them and stay

local PREFIX, BINDING, OTHERS = ARGV[1], ARGV[2], tonumber(ARGV[3])
local count = 0
for i = OTHERS + 1, #KEYS do
  count = count + redis.call('LLEN', KEYS[i])
  redis.call('DEL', KEYS[i])
end

local function drop(tag)
  redis.call('ZREM', KEYS[2], tag)
  count = count + redis.call('DEL', PREFIX .. 'message:' .. tag)
end

if redis.call('TYPE', KEYS[1]).ok == 'zset' then
  for _, tag in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do drop(tag) end
  redis.call('DEL', KEYS[1])
end
if redis.call('TYPE', KEYS[2]).ok == 'zset' then
  for _, tag in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if redis.call('HGET', PREFIX .. 'message:' .. tag, 'native_delayed') == '1' then drop(tag) end
  end
end

if BINDING ~= '' then
  if redis.call('TYPE', KEYS[3]).ok == 'zset' then
    redis.call('ZREM', KEYS[3], BINDING)
  else
    redis.call('SREM', KEYS[3], BINDING)
    redis.call('SREM', KEYS[4], BINDING)
  end
end
return count
