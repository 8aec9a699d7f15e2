-- Puts messages into sorted sets.
--
-- Mirrors celery_redis_plus 0.4: Channel._put, with two differences: it is one step, so that a crash leaves no half of a
-- message, and the time is the server's, so that clocks of producers do not change the order.
--
-- KEYS  none: the names are made from the prefix
-- ARGV  1 global_keyprefix, 2 seconds until a message that was taken may be restored,
--       then for each message: queue, delivery tag, priority (0 to 255), raw bytes
-- Returns  how many were put

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local LEVEL = 10000000000000
local PREFIX, MARGIN = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1])
local milliseconds = now * 1000 + math.floor(tonumber(time[2]) / 1000)
local put = 0
for i = 3, #ARGV, 4 do
  local queue, tag, priority = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  redis.call('HSET', PREFIX .. 'message:' .. tag, 'payload', ARGV[i + 3], 'routing_key', queue, 'priority', priority,
    'native_delayed', 0, 'eta', 0, 'delivery_count', 0)
  redis.call('ZADD', PREFIX .. 'messages_index:' .. queue, now + MARGIN, tag)
  redis.call('ZADD', PREFIX .. 'queue:' .. queue, string.format('%.0f', (255 - priority) * LEVEL + milliseconds), tag)
  put = put + 1
end
return put
