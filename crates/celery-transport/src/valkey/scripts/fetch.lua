-- Takes messages and books them in one atomic step.
--
-- Mirrors kombu/transport/redis.py: Channel._brpop_start (order of the lists), QoS.append (bookkeeping).
--
-- KEYS  the lists: for each priority step, first served first, one list per queue in the order of the queues.
--       Only the lists, because some servers track all KEYS of a script that reads one of them.
-- ARGV  1 unacked (hash), 2 unacked_index (sorted set), 3 lease of this worker (hash), 4 workers (sorted set),
--       5 credit, 6 worker id, 7 number of this fetch, 8 "1" to share the credit among the queues,
--       9 "1" to have the lists tracked when they ran dry, 10.. names of the queues
-- Returns  "LEASE" alone when the worker holds no valid lease (nothing was taken); otherwise what a list refused while
--          others gave, or "", then for each message: index of the list in KEYS, delivery tag, raw bytes.
--          An error means that nothing was taken.
--
-- Pops come before bookkeeping on purpose: after a first write that needs no memory, Redis lets the rest of the script
-- pass `maxmemory`, so a full server can still be drained. If the bookkeeping fails, the pops are undone.
-- Reads arm CLIENT TRACKING, also those made here, so the only reads are the last one (EXISTS) and one that a later
-- write to the same key disarms.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local UNACKED, INDEX, LEASE, WORKERS = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local credit, worker, number, fair, track = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8] == '1', ARGV[9] == '1'
local FIRST_NAME = 10
local queues = #ARGV - FIRST_NAME + 1

local time = redis.call('TIME')
local now = tonumber(time[1])

-- ZADD XX INCR 0 reads the deadline without being a read that CLIENT TRACKING remembers.
local deadline = redis.pcall('ZADD', WORKERS, 'XX', 'INCR', 0, worker)
if type(deadline) ~= 'table' and (not deadline or tonumber(deadline) < now) then
  return {'LEASE'}
end

local failure = ''
local raws, lists = {}, {}

local function pop(list, count)
  local got = redis.pcall('RPOP', KEYS[list], count)
  if not got then return 0 end
  if got.err then
    failure = got.err
    return 0
  end
  for i = 1, #got do
    raws[#raws + 1] = got[i]
    lists[#lists + 1] = list
  end
  return #got
end

local left = credit
for first = 1, #KEYS, queues do
  local more = {}
  for i = 0, queues - 1 do
    if left == 0 then break end
    local want = left
    if fair then want = math.ceil(left / (queues - i)) end
    local got = pop(first + i, want)
    left = left - got
    if got == want then more[#more + 1] = first + i end
  end
  for _, list in ipairs(more) do
    if left == 0 then break end
    left = left - pop(list, left)
  end
  if left == 0 then break end
end

-- Where kombu ends an envelope: delivery_info, scalars, then a delivery tag of 36 characters and `"}}`. What stands
-- between is the same for all messages of a queue, so it is taken apart once. None of its values may contain a quote, a
-- backslash or a brace, so this cannot match inside a string; everything else goes the slow way.
local MIDDLE = '^"delivery_info": ?{"exchange": ?"([^"\\]*)", ?"routing_key": ?"([^"\\]*)"([^{}]*)}'
  .. '[^{}]*"delivery_tag": ?"$'
local known = {}

local function take_apart(middle)
  local exchange, key, rest = string.match(middle, MIDDLE)
  if not exchange then return false end
  return {', "' .. exchange .. '", "' .. key .. '"]', string.find(rest, 'redelivered', 1, true) ~= nil}
end

local function text(value, default)
  if type(value) == 'string' then return value end
  return default
end

-- The delivery tag (nil: make one) and kombu's [raw, exchange, routing_key] with the raw bytes as they are.
local function book(raw, queue)
  local start = string.find(raw, '"delivery_info"', -300, true)
  if start and string.byte(raw) == 123 then -- {
    local middle = string.sub(raw, start, -40)
    local route = known[middle]
    if route == nil then
      route = take_apart(middle)
      known[middle] = route
    end
    local tag = route and string.match(raw, '^([%w%-]+)"}}$', -39)
    if tag then
      if route[2] then tag = nil end
      return tag, '[' .. raw .. route[1]
    end
  end
  local ok, envelope = pcall(cjson.decode, raw)
  if ok and type(envelope) == 'table' and string.find(raw, '^%s*{') then
    local properties = envelope.properties
    if type(properties) ~= 'table' then properties = {} end
    local info = properties.delivery_info
    if type(info) ~= 'table' then info = {} end
    local tag = text(properties.delivery_tag, nil)
    if info.redelivered == true or (tag and not string.find(tag, '^[%w%-_.:]+$')) then tag = nil end
    local exchange, key = text(info.exchange, ''), text(info.routing_key, queue)
    return tag, '[' .. raw .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(key) .. ']'
  end
  -- No envelope: a JSON string with one character for each byte, so that the triple stays JSON and no byte is lost.
  local escaped = string.gsub(raw, '[%z\1-\31"\\\127-\255]', function(c)
    return string.format('\\u%04x', string.byte(c))
  end)
  return nil, '["' .. escaped .. '", "", ' .. cjson.encode(queue) .. ']'
end

local tags = {}

-- A tag of our own. Redelivered messages get one as well: a former holder that comes back late must not be able to
-- settle the message of its new holder.
local function fresh(i)
  return worker .. '-' .. number .. '-' .. i
end

local function undo(err)
  for i = 1, #tags do
    redis.pcall('ZREM', INDEX, tags[i])
    redis.pcall('HDEL', UNACKED, tags[i])
    redis.pcall('HDEL', LEASE, tags[i])
  end
  for i = #raws, 1, -1 do
    redis.call('RPUSH', KEYS[lists[i]], raws[i])
  end
  return redis.error_reply(err)
end

local micros = tonumber(time[2])
for start = 1, #raws, CHUNK do
  local stop = math.min(start + CHUNK - 1, #raws)
  local triples, scores, members = {}, {}, {}
  for i = start, stop do
    local list = lists[i]
    local tag, triple = book(raws[i], ARGV[FIRST_NAME + (list - 1) % queues])
    tags[i], triples[i] = tag or fresh(i), triple
    -- One microsecond apart, so that the order survives in the index.
    local micro = micros + i
    scores[i] = string.format('%d.%06d', now + math.floor(micro / 1000000), micro % 1000000)
    members[#members + 1] = scores[i]
    members[#members + 1] = tags[i]
  end
  local added = redis.pcall('ZADD', INDEX, 'NX', unpack(members))
  if type(added) == 'table' then return undo(added.err) end
  if added < stop - start + 1 then
    -- Some tags are in use: one message in two queues (a topic exchange), or the same bytes twice.
    local seen, again = {}, {}
    for i = start, stop do
      local tag = tags[i]
      if seen[tag] or tonumber(redis.call('ZSCORE', INDEX, tag)) ~= tonumber(scores[i]) then
        tags[i] = fresh(i)
        again[#again + 1] = scores[i]
        again[#again + 1] = tags[i]
      end
      seen[tag] = true
    end
    redis.call('ZADD', INDEX, unpack(again))
  end
  local entries, leased = {}, {}
  for i = start, stop do
    entries[#entries + 1] = tags[i]
    entries[#entries + 1] = triples[i]
    leased[#leased + 1] = tags[i]
    leased[#leased + 1] = KEYS[lists[i]]
  end
  local booked = redis.pcall('HSET', UNACKED, unpack(entries))
  if type(booked) == 'table' then return undo(booked.err) end
  booked = redis.pcall('HSET', LEASE, unpack(leased))
  if type(booked) == 'table' then return undo(booked.err) end
end

if #raws == 0 and failure ~= '' then return redis.error_reply(failure) end

local reply = {failure}
for i = 1, #raws do
  reply[#reply + 1] = lists[i]
  reply[#reply + 1] = tags[i]
  reply[#reply + 1] = raws[i]
end

if left > 0 and track then
  redis.call('EXISTS', unpack(KEYS))
end
return reply
