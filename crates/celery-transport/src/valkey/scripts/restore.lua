-- Puts messages back that were held for longer than the visibility timeout by workers that have no lease.
--
-- Mirrors kombu/transport/redis.py: QoS.restore_by_tag, called by QoS.restore_visible under the mutex.
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set)
-- ARGV  1 unix time: only tags with a score up to it are touched,
--       then for each message: delivery tag, raw bytes, number of lists, the lists
-- Returns  how many were put back

local UNACKED, INDEX = KEYS[1], KEYS[2]
local ceiling = tonumber(ARGV[1])
local restored = 0
local i = 2
while i <= #ARGV do
  local tag, raw, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local score = redis.call('ZSCORE', INDEX, tag)
  if score and tonumber(score) <= ceiling then
    -- First the write that needs no memory: after it a full server lets the pushes pass.
    redis.call('ZREM', INDEX, tag)
    if count > 0 and redis.call('HEXISTS', UNACKED, tag) == 1 then
      for list = i + 3, i + 2 + count do
        local pushed = redis.pcall('RPUSH', ARGV[list], raw)
        if type(pushed) == 'table' then
          redis.call('ZADD', INDEX, score, tag)
          return pushed
        end
      end
      redis.call('HDEL', UNACKED, tag)
      restored = restored + 1
    end
  end
  i = i + 3 + count
end
return restored
