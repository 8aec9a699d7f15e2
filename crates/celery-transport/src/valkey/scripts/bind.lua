-- Binds queues to an exchange, in the kind of table that it has.
--
-- Mirrors kombu/transport/redis.py: Channel._queue_bind and REFRESH_BINDING (5.7). A binding of a queue that goes away by
-- itself is not among the permanent ones, so that kombu sweeps a table in which only such bindings are left when nobody
-- raises its deadline any more. A sorted set is celery-redis-plus's: Channel._queue_bind there, whose scores say when a
-- binding is stale.
--
-- KEYS  1 the bindings of the exchange, 2 those of them that are permanent, 3 the deadlines of all exchanges
-- ARGV  1 the name of the exchange, then for each queue: the binding, milliseconds until its deadline or ""
-- Returns  1 if the table is a sorted set, 0 if it is a set

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local time = redis.call('TIME')
local milliseconds = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local sorted = redis.call('TYPE', KEYS[1]).ok == 'zset'
for i = 2, #ARGV, 2 do
  local binding, expires = ARGV[i], tonumber(ARGV[i + 1])
  if sorted then
    local stale = expires and (milliseconds + expires) / 1000 or 'inf'
    redis.call('ZADD', KEYS[1], 'GT', stale, binding)
  else
    redis.call('SADD', KEYS[1], binding)
    if expires then
      redis.call('ZADD', KEYS[3], 'GT', milliseconds + expires, ARGV[1])
    else
      redis.call('SADD', KEYS[2], binding)
    end
  end
end
return sorted and 1 or 0
