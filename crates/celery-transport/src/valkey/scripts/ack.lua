-- Forgets messages that are done.
--
-- Mirrors kombu/transport/redis.py: QoS.ack (QoS._remove_from_indices), and celery_redis_plus 0.4,
-- transport_ack_message.lua.
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set), 3 lease of this worker (hash: tag -> where it came from)
-- ARGV  1 global_keyprefix, then delivery tags
-- Returns  how many were forgotten
--
-- Only what the lease still names is touched: a tag that was given back meanwhile (the worker was paused for longer than
-- its lease) may be in other hands. This also makes the script idempotent.

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local PREFIX = ARGV[1]
local done = 0

-- From a sorted set: out of the queue too, which takes back a copy that was restored meanwhile.
local function forget_sorted(queue, tags)
  local messages = {}
  for i = 1, #tags do messages[i] = PREFIX .. 'message:' .. tags[i] end
  redis.call('ZREM', PREFIX .. 'messages_index:' .. queue, unpack(tags))
  redis.call('ZREM', PREFIX .. 'queue:' .. queue, unpack(tags))
  redis.call('DEL', unpack(messages))
end

for start = 2, #ARGV, CHUNK do
  local stop = math.min(start + CHUNK - 1, #ARGV)
  local lists = redis.call('HMGET', KEYS[3], unpack(ARGV, start, stop))
  local leased, plain, sorted = {}, {}, {}
  for i = 1, stop - start + 1 do
    local list, tag = lists[i], ARGV[start + i - 1]
    if list then
      leased[#leased + 1] = tag
      if string.byte(list) == 0 then
        local stop = string.find(list, '\0', 2, true)
        local queue = string.sub(list, 2, stop - 1)
        sorted[queue] = sorted[queue] or {}
        table.insert(sorted[queue], string.sub(list, stop + 1))
      else
        plain[#plain + 1] = tag
      end
    end
  end
  if #plain > 0 then
    redis.call('ZREM', KEYS[2], unpack(plain))
    redis.call('HDEL', KEYS[1], unpack(plain))
  end
  for queue, tags in pairs(sorted) do forget_sorted(queue, tags) end
  if #leased > 0 then done = done + redis.call('HDEL', KEYS[3], unpack(leased)) end
end
return done
