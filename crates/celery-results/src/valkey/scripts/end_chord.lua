-- Ends a chord whose body was sent, or lets go of the claim, for whoever holds that.
--
-- With a time to remember, as CHORD_CLEANUP_LUA of Celery 5.7.
--
-- KEYS  .c (claim), .j (members), .t (parts added), .s (size), .d (parts seen)
-- ARGV  the token, seconds for which it is remembered that the body was sent (0: it was not)
-- Returns  1 when the claim was that of the token

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
  redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
end
return 1
