-- Joins, or renews a worker's lease, and tells which other workers' leases have ended.
--
-- No counterpart in kombu: upstream has no leases. Re-scoring keeps QoS.restore_visible of a stock worker away from
-- messages that are held.
--
-- KEYS  1 workers (sorted set: worker id -> unix time of its deadline), 2 unacked_index (sorted set)
-- ARGV  1 worker id, 2 length of the lease in seconds, 3.. delivery tags to re-score, oldest first
-- Returns  1 if the worker had a lease, 0 if not; then the ids of up to 16 workers whose leases have ended

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])
local had = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- After a write that needs no memory a full server lets the rest pass: a lease must not end because memory did.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.6f', now + micros / 1000000 + tonumber(ARGV[2])), ARGV[1])

for start = 3, #ARGV, CHUNK do
  local members = {}
  for i = start, math.min(start + CHUNK - 1, #ARGV) do
    local micro = micros + i
    members[#members + 1] = string.format('%d.%06d', now + math.floor(micro / 1000000), micro % 1000000)
    members[#members + 1] = ARGV[i]
  end
  redis.call('ZADD', KEYS[2], 'XX', unpack(members))
end

local reply = {had and 1 or 0}
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16)
for i = 1, #ended do reply[#reply + 1] = ended[i] end
return reply
