-- Puts leased messages back into the lists they came from.
--
-- Mirrors kombu/transport/redis.py: QoS.restore_by_tag, Channel._do_restore_message.
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set), 3 lease (hash: tag -> list), 4 workers (sorted set)
-- ARGV  1 id of the worker whose lease must have ended, or "" for a worker's own messages,
--       then for each message: delivery tag, how, raw bytes; how is
--       LPUSH  to the end of the queue (reject with requeue),
--       RPUSH  to the front of the queue (not started, or the worker died),
--       FORGET only out of the lease: the message is no longer in unacked
-- Returns  how many were put back, or -1 when the worker's lease is valid (again)
--
-- The tag goes out of `unacked` in the same step, and only who finds it there pushes: two sweepers never double.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local UNACKED, INDEX, LEASE, WORKERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if ARGV[1] ~= '' then
  local deadline = redis.call('ZSCORE', WORKERS, ARGV[1])
  if deadline and tonumber(deadline) > tonumber(redis.call('TIME')[1]) then return -1 end
end

local given = 0
for i = 2, #ARGV, 3 do
  local tag, how, raw = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local list = redis.call('HGET', LEASE, tag)
  if list then
    -- This write comes first because it needs no memory: after it a full server lets the push pass.
    redis.call('HDEL', LEASE, tag)
    if how ~= 'FORGET' and redis.call('HEXISTS', UNACKED, tag) == 1 then
      local pushed = redis.pcall(how, list, raw)
      if type(pushed) == 'table' then
        redis.call('HSET', LEASE, tag, list)
        return pushed
      end
      redis.call('HDEL', UNACKED, tag)
      redis.call('ZREM', INDEX, tag)
      given = given + 1
    end
  end
end
return given
