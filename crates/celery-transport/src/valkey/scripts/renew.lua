-- Joins, or renews a worker's lease, and tells which other workers' leases have ended.
--
-- No counterpart in kombu: upstream has no leases. Re-scoring keeps QoS.restore_visible of a stock worker away from
-- messages that are held.
--
-- KEYS  1 workers (sorted set: worker id -> unix time of its deadline), 2 unacked_index (sorted set),
--       3 lease of this worker (hash)
-- ARGV  1 worker id, 2 length of the lease in seconds, 3 global_keyprefix, 4 seconds until another worker may restore
--       what was taken from a sorted set, 5.. delivery tags to re-score, oldest first
-- Returns  1 if the worker had a lease, 0 if not; 1 if it had not run out; then the ids of up to 16 workers whose
--          leases have ended

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])
local had = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- After a write that needs no memory a full server lets the rest pass: a lease must not end because memory did.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.6f', now + micros / 1000000 + tonumber(ARGV[2])), ARGV[1])

for start = 5, #ARGV, CHUNK do
  local stop = math.min(start + CHUNK - 1, #ARGV)
  local lists = redis.call('HMGET', KEYS[3], unpack(ARGV, start, stop))
  local members, sorted = {}, {}
  for i = start, stop do
    local list = lists[i - start + 1]
    if list and string.byte(list) == 0 then
      local stop = string.find(list, '\0', 2, true)
      local index = ARGV[3] .. 'messages_index:' .. string.sub(list, 2, stop - 1)
      sorted[index] = sorted[index] or {}
      table.insert(sorted[index], now + tonumber(ARGV[4]))
      table.insert(sorted[index], string.sub(list, stop + 1))
    elseif list then
      local micro = micros + i
      members[#members + 1] = string.format('%d.%06d', now + math.floor(micro / 1000000), micro % 1000000)
      members[#members + 1] = ARGV[i]
    end
  end
  if #members > 0 then redis.call('ZADD', KEYS[2], 'XX', unpack(members)) end
  for index, entries in pairs(sorted) do redis.call('ZADD', index, 'XX', unpack(entries)) end
end

local reply = {had and 1 or 0, (had and tonumber(had) >= now) and 1 or 0}
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 16)
for i = 1, #ended do reply[#reply + 1] = ended[i] end
return reply
