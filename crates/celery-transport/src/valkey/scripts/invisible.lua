-- Finds messages that have been unacknowledged for longer than the visibility timeout.
--
-- Mirrors kombu/transport/redis.py: QoS.restore_visible (its ZRANGE).
--
-- KEYS  1 unacked_index (sorted set)
-- ARGV  1 visibility timeout in seconds, 2 the most tags to return, -1 for all
-- Returns  the score (unix time) up to which they were looked for, as a string; then the tags, the newest first

local time = redis.call('TIME')
local ceiling = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000 - tonumber(ARGV[1]))
local reply = redis.call('ZREVRANGEBYSCORE', KEYS[1], ceiling, 0, 'LIMIT', 0, ARGV[2])
table.insert(reply, 1, ceiling)
return reply
