-- Stores results and wakes whoever waits for them.
--
-- Mirrors celery/backends/base.py: KeyValueStoreBackend._store_result and celery/backends/redis.py: RedisBackend._set,
-- but in one step: upstream reads, decides and writes, and two workers can overwrite each other in between.
--
-- KEYS  celery-task-meta-<task id> of each result
-- ARGV  for each result: seconds it is kept (0: for ever), the encoded meta, "1" to store it only while the task has not
--       begun
-- Returns  how many were stored; the others hold a SUCCESS already, or have begun. An error: all but those it is about
--          are stored.

-- The first bytes of a meta tell the status, as Celery and this worker write JSON. What begins otherwise is decoded;
-- what cannot be decoded here (pickle, msgpack, compressed) is overwritten.
local LONGEST = 64
local WAITING = {PENDING = true, RECEIVED = true, RETRY = true, REJECTED = true}

-- The stored status; nil for none that can be read.
local function status(key, head)
  if head == '' then return nil end
  local quick = string.match(head, '^{"status": "([%u_]+)"')
  if quick then return quick end
  local ok, meta = pcall(cjson.decode, redis.call('GET', key))
  return ok and type(meta) == 'table' and meta.status or nil
end

local function holds(key, head, unless_begun)
  local state = status(key, head)
  return state == 'SUCCESS' or (unless_begun == '1' and state ~= nil and not WAITING[state])
end

local stored, failure = 0, nil
for i, key in ipairs(KEYS) do
  local seconds, meta, unless_begun = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local head = redis.pcall('GETRANGE', key, 0, LONGEST - 1)
  if type(head) == 'table' then
    failure = head
  elseif not holds(key, head, unless_begun) then
    if seconds == '0' then
      redis.call('SET', key, meta)
    else
      redis.call('SET', key, meta, 'EX', seconds)
    end
    redis.call('PUBLISH', key, meta)
    stored = stored + 1
  end
end
return failure or stored
