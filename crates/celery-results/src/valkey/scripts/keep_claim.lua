-- Keeps the claim to send the body of a chord, or takes it again when it ran out and the chord is still there
-- (CHORD_CLAIM_EXTEND_LUA of Celery 5.7).
--
-- KEYS  .c (claim), .s (size)
-- ARGV  the token, seconds
-- Returns  1 with the claim

local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if not holder and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
  return 1
end
return 0
