-- Puts into the sorted set of a queue what its index says is due: delayed messages, and what a worker of another kind
-- took and lost.
--
-- Mirrors celery_redis_plus 0.4, transport_enqueue_due_messages.lua. Its workers look every 60 seconds and 60 seconds
-- ahead, which the scores in the index reckon with; celery-asyncio 6.0.0a6 adds the same 60 to delayed ones.
--
-- KEYS  messages_index (sorted set) of each queue
-- ARGV  1 global_keyprefix, 2 how many seconds before its time a delayed message is let go (its worker waits for the
--       rest), 3 seconds until another worker may restore what is in the queue, 4 how many messages of each queue are
--       looked at, then the names of the queues
-- Returns  how many delayed ones were let go, how many lost ones are back, 1 if there is more to do

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local AHEAD = 60
local LEVEL = 10000000000000
local PREFIX, EARLY, MARGIN, BATCH = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = tonumber(time[1])
local milliseconds = now * 1000 + math.floor(tonumber(time[2]) / 1000)
local let_go, back, more = 0, 0, 0

local function put(queue, tag, priority, eta)
  local from = math.max(milliseconds, math.floor(eta * 1000))
  local score = string.format('%.0f', (255 - priority) * LEVEL + from)
  return redis.call('ZADD', PREFIX .. 'queue:' .. queue, 'NX', score, tag) == 1
end

for i = 1, #KEYS do
  local index, queue = KEYS[i], ARGV[4 + i]
  local due = redis.pcall('ZRANGEBYSCORE', index, '-inf', now + AHEAD + EARLY, 'WITHSCORES', 'LIMIT', 0, BATCH)
  if due.err then due = {} end
  local changed = false
  for j = 1, #due, 2 do
    local tag, at = due[j], tonumber(due[j + 1])
    local message = PREFIX .. 'message:' .. tag
    local fields = redis.call('HMGET', message, 'priority', 'native_delayed', 'eta')
    local priority, delayed = tonumber(fields[1] or nil), fields[2] == '1'
    if not priority then
      redis.call('ZREM', index, tag)
      changed = true
    elseif delayed or at <= now + AHEAD then
      local added = put(queue, tag, priority, tonumber(fields[3] or nil) or 0)
      if delayed then
        redis.call('HSET', message, 'native_delayed', '0')
        let_go = let_go + 1
      elseif added then
        redis.call('HINCRBY', message, 'delivery_count', 1)
        back = back + 1
      end
      redis.call('ZADD', index, now + MARGIN, tag)
      changed = true
    end
  end
  if changed and #due == 2 * BATCH then more = 1 end
end
return {let_go, back, more}
