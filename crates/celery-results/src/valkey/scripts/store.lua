-- Stores results and wakes whoever waits for them.
--
-- Mirrors celery/backends/base.py: KeyValueStoreBackend._store_result and celery/backends/redis.py: RedisBackend._set,
-- but in one step: upstream reads, decides and writes, and two workers can overwrite each other in between.
--
-- KEYS  celery-task-meta-<task id> of each result
-- ARGV  for each result: seconds it is kept (0: for ever), the encoded meta
-- Returns  how many were stored; the others hold a SUCCESS already. An error: all but those it is about are stored.

-- The first bytes of a meta tell the status, as Celery and this worker write JSON. What begins otherwise is decoded;
-- what cannot be decoded here (pickle, msgpack, compressed) is overwritten.
local HEAD, SUCCESS = '{"status": "', '{"status": "SUCCESS"'

local function succeeded(key, head)
  if head == SUCCESS then return true end
  if head == '' or string.sub(head, 1, #HEAD) == HEAD then return false end
  local ok, meta = pcall(cjson.decode, redis.call('GET', key))
  return ok and type(meta) == 'table' and meta.status == 'SUCCESS'
end

local stored, failure = 0, nil
for i, key in ipairs(KEYS) do
  local seconds, meta = ARGV[2 * i - 1], ARGV[2 * i]
  local head = redis.pcall('GETRANGE', key, 0, #SUCCESS - 1)
  if type(head) == 'table' then
    failure = head
  elseif not succeeded(key, head) then
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
