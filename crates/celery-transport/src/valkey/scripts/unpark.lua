-- Puts parked messages back into their queues, a little before they are due: the worker that takes one waits for the
-- rest.
--
-- No counterpart in kombu: see park.lua.
--
-- KEYS  1 unacked (hash), 2 unacked_index (sorted set), 3 parked (sorted set)
-- ARGV  1 global_keyprefix, 2 how many seconds before its time a message goes, 3 seconds until another worker may restore
--       what is in a sorted set, 4 how many messages are looked at
-- Returns  how many are back in their queues, 1 if there may be more to do, the seconds until the next one is due (may be
--          less than ARGV 2) or "", what a queue refused or ""
--
-- A list gives the message that is pushed last first, so the last that is due goes first.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local UNACKED, INDEX, PARKED = KEYS[1], KEYS[2], KEYS[3]
local PREFIX, EARLY, MARGIN, BATCH = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local LEVEL = 10000000000000
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local failure = ''
local BYTES, bytes = 4194304, 0 -- a script holds up all clients of the server

-- The raw bytes in [raw, exchange, routing_key], as fetch.lua wrote it; nil if it is none of those.
local function raw_of(triple)
  local raw = string.match(triple, '^%[(.*), "[^"\\]*", "[^"\\]*"%]$')
  if not raw then
    local ok, parts = pcall(cjson.decode, triple)
    if not ok or type(parts) ~= 'table' or type(parts[3]) ~= 'string' then return nil end
    local rest = ', ' .. cjson.encode(parts[2]) .. ', ' .. cjson.encode(parts[3]) .. ']'
    if string.sub(triple, -#rest) ~= rest then return nil end
    raw = string.sub(triple, 2, -#rest - 1)
  end
  if string.byte(raw) ~= 34 then return raw end -- "
  -- Bytes that are no envelope: one character for each.
  local ok, text = pcall(cjson.decode, '[' .. raw .. ']')
  if not ok then return nil end
  return (string.gsub(text[1], '([\194\195])([\128-\191])', function(first, second)
    return string.char((string.byte(first) - 194) * 64 + string.byte(second))
  end))
end

-- Whether it is back; or an error.
local function to_list(tag, list)
  local triple = redis.call('HGET', UNACKED, tag)
  -- Gone: a stock worker restored it. Not ours to read: the visibility timeout finds it.
  local raw = triple and raw_of(triple)
  if not raw then return false end
  bytes = bytes + #raw
  local pushed = redis.pcall('RPUSH', list, raw)
  if type(pushed) == 'table' then return pushed end
  redis.call('HDEL', UNACKED, tag)
  redis.call('ZREM', INDEX, tag)
  return true
end

local function to_sorted(queue, tag, due)
  local message = PREFIX .. 'message:' .. tag
  local fields = redis.call('HMGET', message, 'priority', 'native_delayed', 'eta', 'celery-oxide.score')
  local priority = tonumber(fields[1] or nil)
  -- Gone, or somebody else let it go.
  if not priority or fields[2] ~= '1' or fields[3] ~= string.format('%.6f', due) then return false end
  local score = fields[4] or string.format('%.0f', (255 - priority) * LEVEL + math.floor(due * 1000))
  local added = redis.pcall('ZADD', PREFIX .. 'queue:' .. queue, 'NX', score, tag)
  if type(added) == 'table' then return added end
  redis.call('HSET', message, 'native_delayed', '0')
  redis.call('ZADD', PREFIX .. 'messages_index:' .. queue, math.floor(now) + MARGIN, tag)
  return true
end

local found = redis.call('ZREVRANGEBYSCORE', PARKED, string.format('%.6f', now + EARLY), '-inf', 'WITHSCORES', 'LIMIT', 0,
  BATCH)
local back, looked = 0, 0
for i = 1, #found, 2 do
  if bytes > BYTES then break end
  looked = i + 1
  local member, due = found[i], found[i + 1]
  -- This write comes first because it needs no memory: after it a full server lets the others pass.
  redis.call('ZREM', PARKED, member)
  local done
  if string.byte(member) == 0 then
    local stop = string.find(member, '\0', 2, true)
    done = to_sorted(string.sub(member, 2, stop - 1), string.sub(member, stop + 1), tonumber(due))
  else
    local stop = string.find(member, '\0', 1, true)
    done = to_list(string.sub(member, 1, stop - 1), string.sub(member, stop + 1))
  end
  if type(done) == 'table' then
    failure = done.err
    redis.call('ZADD', PARKED, due, member)
  elseif done then
    back = back + 1
  end
end

local first = redis.call('ZRANGE', PARKED, 0, 0, 'WITHSCORES')
local wait = first[2] and string.format('%.3f', tonumber(first[2]) - now) or ''
local more = looked < #found or looked == 2 * BATCH
return {back, (more and failure == '') and 1 or 0, wait, failure}
