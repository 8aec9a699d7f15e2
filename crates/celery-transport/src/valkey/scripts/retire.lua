-- Ends a worker's lease, so that no fetch of its takes anything more and any sweeper may finish what it began.
--
-- No counterpart in kombu: upstream has no leases.
--
-- KEYS  1 workers (sorted set)
-- ARGV  1 worker id
-- Returns  1 if it had a lease, 0 if not

-- Removed before it is added: after a write that needs no memory a full server lets the rest pass.
local had = redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
return had
