-- Puts leased messages back where they came from.
--
-- Mirrors kombu/transport/redis.py: QoS.restore_by_tag, Channel._do_restore_message; and celery_redis_plus 0.4,
-- transport_requeue_message.lua.
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set), 3 lease (hash: tag -> where it came from), 4 workers (sorted set)
-- ARGV  1 id of the worker whose lease must have ended, or "" for a worker's own messages, 2 global_keyprefix,
--       3 seconds until another worker may restore what is in a sorted set,
--       then for each message: delivery tag, place, "1" if there are raw bytes, those, and "" or the queue for dead
--       letters that it goes to; place is
--       END        served after all others of its priority (reject with requeue)
--       FRONT      where it was (the worker died, or stops)
--       UNSTARTED  where it was, and not counted as a delivery
-- Returns  how many were put back, or -1 when the worker's lease is valid (again); then which ones, from 1, went to a
--          queue for dead letters
--
-- Dead letters come last in their queue. For lists that is the list of the first priority step: easy to look at, and
-- LMOVE sends one again.
--
-- The tag goes out of the lease in the same step, and only who finds it there pushes: two sweepers never double.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local UNACKED, INDEX, LEASE, WORKERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local PREFIX, MARGIN = ARGV[2], tonumber(ARGV[3])
local LEVEL = 10000000000000
local time = redis.call('TIME')
local now = tonumber(time[1])
local milliseconds = now * 1000 + math.floor(tonumber(time[2]) / 1000)

if ARGV[1] ~= '' then
  local deadline = redis.call('ZSCORE', WORKERS, ARGV[1])
  if deadline and tonumber(deadline) > now then return {-1} end
end

local function back_to_list(list, tag, place, known, raw, grave)
  if known ~= '1' or redis.call('HEXISTS', UNACKED, tag) == 0 then return 0 end
  if grave ~= '' then list, place = PREFIX .. grave, 'END' end
  local pushed = redis.pcall(place == 'END' and 'LPUSH' or 'RPUSH', list, raw)
  if type(pushed) == 'table' then return pushed end
  redis.call('HDEL', UNACKED, tag)
  redis.call('ZREM', INDEX, tag)
  return 1
end

local function bury(queue, tag, priority, grave, raw)
  milliseconds = milliseconds + 1
  local score = string.format('%.0f', (255 - priority) * LEVEL + milliseconds)
  local added = redis.pcall('ZADD', PREFIX .. 'queue:' .. grave, score, tag)
  if type(added) == 'table' then return added end
  redis.call('HSET', PREFIX .. 'message:' .. tag, 'payload', raw, 'routing_key', grave, 'delivery_count', 0)
  redis.call('ZREM', PREFIX .. 'messages_index:' .. queue, tag)
  redis.call('ZADD', PREFIX .. 'messages_index:' .. grave, now + MARGIN, tag)
  return 1
end

local function back_to_sorted(queue, tag, place, raw, grave)
  local message, index = PREFIX .. 'message:' .. tag, PREFIX .. 'messages_index:' .. queue
  local fields = redis.call('HMGET', message, 'priority', 'celery-oxide.score')
  local priority, score = tonumber(fields[1] or nil), fields[2]
  if not priority then
    redis.call('ZREM', index, tag)
    return 0
  end
  if grave ~= '' then return bury(queue, tag, priority, grave, raw) end
  if place == 'END' or not score then
    -- One millisecond apart, so that what goes back together stays in its order.
    milliseconds = milliseconds + 1
    score = string.format('%.0f', (255 - priority) * LEVEL + milliseconds)
  end
  local added = redis.pcall('ZADD', PREFIX .. 'queue:' .. queue, 'NX', score, tag)
  if type(added) == 'table' then return added end
  if added == 1 and place ~= 'UNSTARTED' then redis.call('HINCRBY', message, 'delivery_count', 1) end
  redis.call('ZADD', index, now + MARGIN, tag)
  return 1
end

local reply = {0}
for i = 4, #ARGV, 5 do
  local tag, place, grave = ARGV[i], ARGV[i + 1], ARGV[i + 4]
  local list = redis.call('HGET', LEASE, tag)
  if list then
    -- This write comes first because it needs no memory: after it a full server lets the push pass.
    redis.call('HDEL', LEASE, tag)
    local back
    if string.byte(list) == 0 then
      local stop = string.find(list, '\0', 2, true)
      back = back_to_sorted(string.sub(list, 2, stop - 1), string.sub(list, stop + 1), place, ARGV[i + 3], grave)
    else
      back = back_to_list(list, tag, place, ARGV[i + 2], ARGV[i + 3], grave)
    end
    if type(back) == 'table' then
      redis.call('HSET', LEASE, tag, list)
      return back
    end
    reply[1] = reply[1] + back
    if back == 1 and grave ~= '' then reply[#reply + 1] = (i - 4) / 5 + 1 end
  end
end
return reply
