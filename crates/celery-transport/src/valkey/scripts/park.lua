-- Parks messages: this worker lets go of them, and the broker keeps them until they are due.
--
-- No counterpart in kombu, whose workers hold what is for later. A message from a list stays in `unacked`, where a stock
-- worker restores it when its score is older than the visibility timeout: so that comes out as the time when it is due
-- (kombu/transport/redis.py: QoS.restore_visible). One from a sorted set becomes a delayed message of celery-redis-plus
-- 0.4 (transport_enqueue_due_messages.lua).
--
-- KEYS  1 unacked_index (sorted set), 2 lease of this worker (hash), 3 parked (sorted set)
-- ARGV  1 global_keyprefix, 2 visibility timeout of lists in seconds, 3 seconds after which a delayed message of a
--       sorted set that nobody let go in time is due for others,
--       then for each message: delivery tag, seconds until it is due
-- Returns  how many were parked
--
-- The delivery tag is ours alone, so a stock worker that restores such a message and takes it has it under another one:
-- what is parked is never mistaken for what a stock worker holds. Only what the lease still names is touched.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local INDEX, LEASE, PARKED = KEYS[1], KEYS[2], KEYS[3]
local PREFIX, VISIBILITY, LATE = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local parked = 0

local function park_sorted(queue, tag, due)
  local message = PREFIX .. 'message:' .. tag
  if redis.call('EXISTS', message) == 0 then return false end
  redis.call('HSET', message, 'native_delayed', '1', 'eta', due)
  redis.call('ZADD', PREFIX .. 'messages_index:' .. queue, tonumber(due) + LATE, tag)
  return true
end

local function park_listed(tag, due)
  if not redis.call('ZSCORE', INDEX, tag) then return false end
  redis.call('ZADD', INDEX, string.format('%.6f', tonumber(due) - VISIBILITY), tag)
  return true
end

for i = 4, #ARGV, 2 do
  -- One microsecond apart, so that what is due together stays in its order.
  local tag, due = ARGV[i], string.format('%.6f', now + tonumber(ARGV[i + 1]) + i / 2000000)
  local place = redis.call('HGET', LEASE, tag)
  if place then
    -- This write comes first because it needs no memory: after it a full server lets the others pass.
    redis.call('HDEL', LEASE, tag)
    local there, member
    if string.byte(place) == 0 then
      local stop = string.find(place, '\0', 2, true)
      there = park_sorted(string.sub(place, 2, stop - 1), string.sub(place, stop + 1), due)
      member = place
    else
      there = park_listed(tag, due)
      member = tag .. '\0' .. place
    end
    if there then
      redis.call('ZADD', PARKED, due, member)
      parked = parked + 1
    end
  end
end
return parked
