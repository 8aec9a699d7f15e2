-- Empties a queue piece by piece, or removes it with its binding.
--
-- Mirrors kombu/transport/redis.py: Channel._purge, Channel._delete; and the same of celery_redis_plus 0.4.
--
-- KEYS  1 sorted set of the queue, 2 its index; to remove it also 3 and 4: the bindings of its exchange, the permanent
--       ones; then its lists
-- ARGV  1 global_keyprefix, 2 the binding, or "" to empty the queue only, 3 how many of the KEYS are no lists,
--       4 how many messages of sorted sets are looked at, 5 how many entries of the index were passed over
-- Returns  how many messages were removed; those that workers hold are not among them and stay; then how many entries of
--          the index are passed over by now, or -1 when all is done

local PREFIX, BINDING, OTHERS = ARGV[1], ARGV[2], tonumber(ARGV[3])
local BATCH, passed = tonumber(ARGV[4]), tonumber(ARGV[5])
local count = 0
for i = OTHERS + 1, #KEYS do
  count = count + redis.call('LLEN', KEYS[i])
  -- The server frees the memory in the background.
  redis.call('UNLINK', KEYS[i])
end

local function drop(tag)
  redis.call('ZREM', KEYS[2], tag)
  count = count + redis.call('UNLINK', PREFIX .. 'message:' .. tag)
end

local looked = 0
if redis.call('TYPE', KEYS[1]).ok == 'zset' then
  local popped = redis.call('ZPOPMIN', KEYS[1], BATCH)
  for i = 1, #popped, 2 do drop(popped[i]) end
  looked = #popped / 2
end
if looked == BATCH then return {count, passed} end
if redis.call('TYPE', KEYS[2]).ok == 'zset' then
  local tags = redis.call('ZRANGE', KEYS[2], passed, passed + BATCH - looked - 1)
  for _, tag in ipairs(tags) do
    if redis.call('HGET', PREFIX .. 'message:' .. tag, 'native_delayed') == '1' then
      drop(tag)
    else
      passed = passed + 1
    end
  end
  if looked + #tags == BATCH then return {count, passed} end
end

if BINDING ~= '' then
  if redis.call('TYPE', KEYS[3]).ok == 'zset' then
    redis.call('ZREM', KEYS[3], BINDING)
  else
    redis.call('SREM', KEYS[3], BINDING)
    redis.call('SREM', KEYS[4], BINDING)
  end
end
return {count, -1}
