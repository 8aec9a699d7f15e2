-- Joins, or renews a worker's lease, and tells which other workers are dead.
--
-- No counterpart in kombu: upstream has no leases. Re-scoring keeps QoS.restore_visible of a stock worker away from
-- messages that are held.
--
-- KEYS  1 workers (sorted set: worker id -> unix time of its deadline), 2 unacked_index (sorted set),
--       3 lease of this worker (hash), 4 steady (string: see below)
-- ARGV  1 worker id, 2 length of the lease in seconds, 3 global_keyprefix, 4 seconds until another worker may restore
--       what was taken from a sorted set, 5 seconds that live workers need to come back after an outage,
--       6.. delivery tags to re-score, oldest first
-- Returns  1 if the worker had a lease, 0 if not; how many other workers with a lease have an id that begins as this one
--          does, up to the dash: those with the same queues; milliseconds until the first lease of another ends if it is
--          not renewed, or -1; then the ids of up to 16 workers that are dead
--
-- A worker whose lease has ended need not be dead: during an outage nobody can renew, and who is back first must not take
-- the others for dead. So the key `steady` says what the server has heard from workers, whoever they are: since when one
-- or another has renewed without a pause, when the last did, and when the last did before that pause. A worker is dead when
-- its lease has ended although it could have renewed: others have, for long enough, now or before a pause. A worker that
-- has just started profits from what others heard, and be they dead.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local time = redis.call('TIME')
local now, micros = tonumber(time[1]), tonumber(time[2])
local at = now + micros / 1000000
local PATIENCE = tonumber(ARGV[5])
local had = redis.call('ZSCORE', KEYS[1], ARGV[1])
-- After a write that needs no memory a full server lets the rest pass: a lease must not end because memory did.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], string.format('%.6f', at + tonumber(ARGV[2])), ARGV[1])

local since, last, before = string.match(redis.call('GET', KEYS[4]) or '', '^(%S+) (%S+) (%S+)$')
since, last, before = tonumber(since) or at, tonumber(last) or at, tonumber(before) or 0
if at - last > PATIENCE then
  since, before = at, last
elseif since > at or (had and tonumber(had) < at) then
  -- The clock was set back, or there was an outage of which this worker's own lease has ended.
  since = at
end
redis.call('SET', KEYS[4], string.format('%.6f %.6f %.6f', since, at, before), 'EX', 86400)

for start = 6, #ARGV, CHUNK do
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

-- More than a few are as many as there can be, so not all are looked at.
local others = redis.call('ZRANGEBYSCORE', KEYS[1], at, '+inf', 'WITHSCORES', 'LIMIT', 0, 200)
local kind, peers, first = string.match(ARGV[1], '^[^-]*-'), 0, -1
for i = 1, #others, 2 do
  if others[i] ~= ARGV[1] then
    if first < 0 then first = math.ceil((tonumber(others[i + 1]) - at) * 1000) end
    if string.sub(others[i], 1, #kind) == kind then peers = peers + 1 end
  end
end

local reply = {had and 1 or 0, peers, first}
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', at - since >= PATIENCE and at or before, 'LIMIT', 0, 16)
for i = 1, #ended do reply[#reply + 1] = ended[i] end
return reply
