-- Takes messages and books them in one atomic step, out of kombu's lists and out of the sorted sets of celery-redis-plus.
--
-- Mirrors kombu/transport/redis.py: Channel._brpop_start (order of the lists), QoS.append (bookkeeping); and
-- celery_redis_plus 0.4, transport_consume_message.lua (the lowest score of all queues first, the deadline in the index).
--
-- KEYS  the lists: for each priority step, first served first, one list per queue in the order of the queues; then one
--       sorted set per queue, in the same order.
--       Only what a push goes to, because some servers track all KEYS of a script that reads one of them.
-- ARGV  1 unacked (hash), 2 unacked_index (sorted set), 3 lease of this worker (hash), 4 workers (sorted set),
--       5 credit, 6 worker id, 7 number of this fetch, 8 "1" to share the credit among the queues,
--       9 "1" to have the keys tracked when they ran dry, 10 global_keyprefix,
--       11 seconds until another worker may restore what is taken from a sorted set, 12 number of queues,
--       13 score below which sorted sets go before all lists, then for each step the score below which they share its
--       turn, then the names of the queues; then the numbers of the KEYS that may hold something, or "" for all
-- Returns  "LEASE" alone when the worker holds no valid lease (nothing was taken); otherwise what a key refused while
--          others gave, or "", and "1" if there may be more; then for each message: index of the key in KEYS, delivery
--          tag, raw bytes, and for sorted sets how far from priority 255 it is and how often it was delivered before.
--          An error means that nothing was taken. "LAYOUT" and a queue for what refused: an older layout.
--
-- A delivery tag is made for each delivery and used only once, whatever tag is in the envelope. So what a stock worker
-- books under the envelope's tag (another copy of the message, or the same one later) is never mistaken for ours, and a
-- settlement that comes twice or too late finds nothing.
--
-- Pops come before bookkeeping on purpose: after a first write that needs no memory, Redis lets the rest of the script
-- pass `maxmemory`, so a full server can still be drained. If the bookkeeping fails, the pops are undone.
-- Reads arm CLIENT TRACKING, also those made here. A later write to the same key disarms, so every hash that is read is
-- written too. A sorted set that is looked at and not taken from stays armed: one push more that wakes for nothing.

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

local CHUNK = 1000 -- unpack() is limited to about 8000 values
local UNACKED, INDEX, LEASE, WORKERS = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local credit, worker, number, fair, track = tonumber(ARGV[5]), ARGV[6], ARGV[7], ARGV[8] == '1', ARGV[9] == '1'
local PREFIX, MARGIN, queues, FIRST = ARGV[10], tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])
local LISTS = #KEYS - queues -- after so many KEYS the sorted sets come
local STEPS = LISTS / queues
local FIRST_NAME = 14 + STEPS
local LEVEL = 10000000000000 -- scores of one priority and the next are so far apart
local known_empty = {} -- by the number of the key
if ARGV[#ARGV] ~= '' then
  for key = 1, #KEYS do known_empty[key] = true end
  for key in string.gmatch(ARGV[#ARGV], '%d+') do known_empty[tonumber(key)] = false end
end

local time = redis.call('TIME')
local now = tonumber(time[1])

-- ZADD XX INCR 0 reads the deadline without being a read that CLIENT TRACKING remembers.
local deadline = redis.pcall('ZADD', WORKERS, 'XX', 'INCR', 0, worker)
-- A server without memory refuses that; then a wake too many does no harm.
if type(deadline) == 'table' then deadline = redis.call('ZSCORE', WORKERS, worker) end
if not deadline or tonumber(deadline) < now then
  return {'LEASE'}
end

local failure = ''
local raws, lists, entries = {}, {}, {} -- what was taken; entries only for sorted sets

local function pop(list, count)
  if known_empty[list] then return 0 end
  local got = redis.pcall('RPOP', KEYS[list], count)
  if not got then return 0 end
  if got.err then
    failure = got.err
    return 0
  end
  for i = 1, #got do
    raws[#raws + 1] = got[i]
    lists[#raws] = list
  end
  return #got
end

-- The first messages of all sorted sets: score, place, queue, tag, score as it is written.
local sorted, next_sorted = {}, 1
local with_messages = 0
for queue = 1, queues do
  local seen = {}
  if not known_empty[LISTS + queue] then
    seen = redis.pcall('ZRANGE', KEYS[LISTS + queue], 0, credit - 1, 'WITHSCORES')
  end
  -- Of another type: a stock queue that happens to have this name.
  if not seen.err and #seen > 0 then
    with_messages = with_messages + 1
    for i = 1, #seen, 2 do
      sorted[#sorted + 1] = {tonumber(seen[i + 1]), #sorted, queue, seen[i], seen[i + 1]}
    end
  end
end
if with_messages > 1 then
  table.sort(sorted, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
  end)
end

local function pop_sorted(bound, count)
  local got = 0
  while got < count and next_sorted <= #sorted and sorted[next_sorted][1] < bound do
    local entry = sorted[next_sorted]
    raws[#raws + 1] = false
    lists[#raws] = LISTS + entry[3]
    entries[#raws] = entry
    got = got + 1
    next_sorted = next_sorted + 1
  end
  return got
end

local function pop_lists(first, credit)
  local left, more = credit, {}
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
  return credit - left
end

local left = credit - pop_sorted(FIRST, credit)
for step = 1, STEPS do
  if left == 0 then break end
  local first, bound = (step - 1) * queues + 1, tonumber(ARGV[13 + step])
  -- Half for each kind, and one of an odd number to each in turn.
  local share = left / 2
  if tonumber(number) % 2 == 0 then share = math.floor(share) else share = math.ceil(share) end
  left = left - pop_sorted(bound, share)
  left = left - pop_lists(first, left)
  left = left - pop_sorted(bound, left)
end

local function take_out()
  local tags = {}
  for _, entry in pairs(entries) do
    local queue = entry[3]
    tags[queue] = tags[queue] or {}
    table.insert(tags[queue], entry[4])
  end
  for queue = 1, queues do
    local all = tags[queue] or {}
    for start = 1, #all, CHUNK do
      redis.call('ZREM', KEYS[LISTS + queue], unpack(all, start, math.min(start + CHUNK - 1, #all)))
    end
  end
end
take_out()

-- Where kombu ends an envelope: delivery_info, scalars, then a delivery tag of 36 characters and `"}}`. What stands
-- between is the same for all messages of a queue, so it is taken apart once. None of its values may contain a quote, a
-- backslash or a brace, so this cannot match inside a string; everything else goes the slow way.
local MIDDLE = '^"delivery_info": ?{"exchange": ?"([^"\\]*)", ?"routing_key": ?"([^"\\]*)"[^{}]*}'
  .. '[^{}]*"delivery_tag": ?"$'
local known = {}

local function take_apart(middle)
  local exchange, key = string.match(middle, MIDDLE)
  return exchange and ', "' .. exchange .. '", "' .. key .. '"]' or false
end

local function text(value, default)
  if type(value) == 'string' then return value end
  return default
end

-- kombu's [raw, exchange, routing_key] with the raw bytes as they are.
local function book(raw, queue)
  local start = string.find(raw, '"delivery_info"', -300, true)
  if start and string.byte(raw) == 123 and string.find(raw, '^[%w%-]+"}}$', -39) then -- {
    local middle = string.sub(raw, start, -40)
    local route = known[middle]
    if route == nil then
      route = take_apart(middle)
      known[middle] = route
    end
    if route then return '[' .. raw .. route end
  end
  local ok, envelope = pcall(cjson.decode, raw)
  if ok and type(envelope) == 'table' and string.find(raw, '^%s*{') then
    local properties = envelope.properties
    if type(properties) ~= 'table' then properties = {} end
    local info = properties.delivery_info
    if type(info) ~= 'table' then info = {} end
    local exchange, key = text(info.exchange, ''), text(info.routing_key, queue)
    return '[' .. raw .. ', ' .. cjson.encode(exchange) .. ', ' .. cjson.encode(key) .. ']'
  end
  -- No envelope: a JSON string with one character for each byte, so that the triple stays JSON and no byte is lost.
  local escaped = string.gsub(raw, '[%z\1-\31"\\\127-\255]', function(c)
    return string.format('\\u%04x', string.byte(c))
  end)
  return '["' .. escaped .. '", "", ' .. cjson.encode(queue) .. ']'
end

local tags = {}

local function fresh(i)
  return worker .. '-' .. number .. '-' .. i
end

local function name_of(list)
  return ARGV[FIRST_NAME + (list - 1) % queues]
end

local function message(tag)
  return PREFIX .. 'message:' .. tag
end

local function undo(err)
  for i = 1, #raws do
    if tags[i] then
      redis.pcall('HDEL', LEASE, tags[i])
      if not entries[i] then
        redis.pcall('ZREM', INDEX, tags[i])
        redis.pcall('HDEL', UNACKED, tags[i])
      elseif entries[i].copied then
        redis.pcall('DEL', message(tags[i]))
        redis.pcall('ZREM', PREFIX .. 'messages_index:' .. name_of(lists[i]), tags[i])
      end
    end
  end
  for i = #raws, 1, -1 do
    if entries[i] then
      redis.call('ZADD', KEYS[lists[i]], entries[i][5], entries[i][4])
    else
      redis.call('RPUSH', KEYS[lists[i]], raws[i])
    end
  end
  return redis.error_reply(err)
end

-- The bodies of what sorted sets gave. What has no body any more (it expired, or was settled late) is forgotten.
local gone = 0
local levels, counts = {}, {}
local function load_sorted()
  local kept, kept_lists, kept_entries = {}, {}, {}
  for i = 1, #raws do
    local entry, raw = entries[i], raws[i]
    if entry then
      local tag, queue = entry[4], name_of(lists[i])
      local index = PREFIX .. 'messages_index:' .. queue
      local fields = redis.call('HMGET', message(tag), 'payload', 'delivery_count', 'routing_key')
      raw = fields[1]
      if not raw then
        redis.call('ZREM', index, tag)
        gone = gone + 1
      elseif not fields[2] then
        redis.call('ZADD', KEYS[lists[i]], entry[5], tag)
        failure = 'LAYOUT ' .. queue
        gone = gone + 1
        raw = false
      else
        local place = #kept + 1
        levels[place] = math.max(0, math.min(255, math.floor(entry[1] / LEVEL)))
        counts[place] = tonumber(fields[2]) or 0
        entry[6] = fields[3]
      end
    end
    if raw then
      kept[#kept + 1] = raw
      kept_lists[#kept] = lists[i]
      kept_entries[#kept] = entry
    end
  end
  raws, lists, entries = kept, kept_lists, kept_entries
end
if next(entries) then load_sorted() end

local micros = tonumber(time[2])

local function book_sorted(i)
  local entry, queue = entries[i], name_of(lists[i])
  local tag, index = entry[4], PREFIX .. 'messages_index:' .. queue
  tags[i] = fresh(i)
  if entry[6] and entry[6] ~= queue then
    -- One message in two queues (a topic exchange) has one body: this one gets its own.
    entry.copied = true
    local copied = redis.pcall('COPY', message(tag), message(tags[i]))
    if type(copied) == 'table' then return copied.err end
    redis.call('ZREM', index, tag)
    tag = tags[i]
    redis.call('HSET', message(tag), 'routing_key', queue)
  end
  -- Where it was, for when it goes back there.
  local booked = redis.pcall('HSET', message(tag), 'celery-oxide.score', entry[5])
  if type(booked) == 'table' then return booked.err end
  booked = redis.pcall('ZADD', index, now + MARGIN, tag)
  if type(booked) == 'table' and booked.err then return booked.err end
  booked = redis.pcall('HSET', LEASE, tags[i], '\0' .. queue .. '\0' .. tag)
  if type(booked) == 'table' then return booked.err end
end

local plain = {}
for i = 1, #raws do
  if entries[i] then
    local err = book_sorted(i)
    if err then return undo(err) end
  else
    plain[#plain + 1] = i
  end
end

for start = 1, #plain, CHUNK do
  local stop = math.min(start + CHUNK - 1, #plain)
  local triples, members = {}, {}
  for p = start, stop do
    local i = plain[p]
    tags[i], triples[i] = fresh(i), book(raws[i], name_of(lists[i]))
    -- One microsecond apart, so that the order survives in the index.
    local micro = micros + p
    members[#members + 1] = string.format('%d.%06d', now + math.floor(micro / 1000000), micro % 1000000)
    members[#members + 1] = tags[i]
  end
  local added = redis.pcall('ZADD', INDEX, unpack(members))
  if type(added) == 'table' then return undo(added.err) end
  local booked, leased = {}, {}
  for p = start, stop do
    local i = plain[p]
    booked[#booked + 1] = tags[i]
    booked[#booked + 1] = triples[i]
    leased[#leased + 1] = tags[i]
    leased[#leased + 1] = KEYS[lists[i]]
  end
  local done = redis.pcall('HSET', UNACKED, unpack(booked))
  if type(done) == 'table' then return undo(done.err) end
  done = redis.pcall('HSET', LEASE, unpack(leased))
  if type(done) == 'table' then return undo(done.err) end
end

if #raws == 0 and failure ~= '' and string.sub(failure, 1, 6) ~= 'LAYOUT' then return redis.error_reply(failure) end

local dry = left > 0 or (gone > 0 and failure ~= '' and #raws == 0)
local reply = {failure, (not dry) and '1' or '0'}
for i = 1, #raws do
  reply[#reply + 1] = lists[i]
  reply[#reply + 1] = tags[i]
  reply[#reply + 1] = raws[i]
  reply[#reply + 1] = levels[i] or 0
  reply[#reply + 1] = counts[i] or 0
end

if dry and track then
  for start = 1, #KEYS, 1000 do -- unpack() is limited to about 8000 values
    redis.call('EXISTS', unpack(KEYS, start, math.min(start + 999, #KEYS)))
  end
end
return reply
