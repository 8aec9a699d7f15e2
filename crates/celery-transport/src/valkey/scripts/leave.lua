-- Takes a worker that holds nothing off the list of workers.
--
-- No counterpart in kombu: upstream has no leases.
--
-- KEYS  1 workers (sorted set), 2 lease of the worker (hash), 3 steady (string), which goes with the last worker
-- ARGV  1 worker id, 2 "1" if its lease must have ended
-- Returns  1 if it is gone, 0 if it holds messages or its lease is valid

if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 may need it to write after TIME

if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if ARGV[2] == '1' then
  local deadline = redis.call('ZSCORE', KEYS[1], ARGV[1])
  if deadline and tonumber(deadline) > tonumber(redis.call('TIME')[1]) then return 0 end
end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[3]) end
return 1
