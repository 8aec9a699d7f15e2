-- Releases the mutex if it is still ours.
--
-- Mirrors redis-py's Lock.release, which kombu/transport/redis.py: Mutex uses.
--
-- KEYS  1 unacked_mutex (string)
-- ARGV  1 the token it was taken with
-- Returns  1 if it was released, 0 if it had ended

if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
