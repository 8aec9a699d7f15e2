-- Forgets messages that are done.
--
-- Mirrors kombu/transport/redis.py: QoS.ack (QoS._remove_from_indices).
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set), 3 lease of this worker (hash)
-- ARGV  delivery tags
-- Returns  how many were forgotten
--
-- Only what the lease still names is touched: a tag that was given back meanwhile (the worker was paused for longer than
-- its lease) may be in other hands. This also makes the script idempotent.

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local done = 0
for start = 1, #ARGV, CHUNK do
  local stop = math.min(start + CHUNK - 1, #ARGV)
  local lists = redis.call('HMGET', KEYS[3], unpack(ARGV, start, stop))
  local tags = {}
  for i = 1, stop - start + 1 do
    if lists[i] then tags[#tags + 1] = ARGV[start + i - 1] end
  end
  if #tags > 0 then
    redis.call('ZREM', KEYS[2], unpack(tags))
    redis.call('HDEL', KEYS[1], unpack(tags))
    done = done + redis.call('HDEL', KEYS[3], unpack(tags))
  end
end
return done
