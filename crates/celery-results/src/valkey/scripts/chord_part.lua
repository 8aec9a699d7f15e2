-- Counts a part of a chord that has ended, and says whether whoever asks is to send the body.
--
-- As CHORD_PART_RETURN_LUA of Celery 5.7 (celery/backends/redis.py), so that workers of both kinds can share a chord. One
-- thing differs: who asks again with the same token, because a reply was lost, has the claim still.
--
-- KEYS  .j (members), .t (parts added), .s (size), .d (parts seen), the saved group, .c (claim)
-- ARGV  id of the task, the encoded member, "1" for members in their order, its place or "+inf", seconds for the keys (0:
--       for ever), seconds for the saved group, seconds for the claim, the token
-- Returns  how many members there are (-1: the body was sent before), parts added, size, 1 with the claim

local members, added, size, seen, group, claim = unpack(KEYS)
local id, member, ordered, place = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]
local keep, keep_group, keep_claim, token = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7], ARGV[8]

if redis.call('GET', claim) == 'done' then return {-1, false, false, 0} end

-- By place as well: two entries of a header may share the id of one frozen signature.
if redis.call('SADD', seen, id .. ':' .. place) == 1 then
  if ordered then
    redis.call('ZADD', members, place, member)
  else
    redis.call('RPUSH', members, member)
  end
end
local count = redis.call(ordered and 'ZCARD' or 'LLEN', members)
if keep > 0 then
  for _, key in ipairs({members, added, size, seen}) do redis.call('EXPIRE', key, keep) end
  if keep_group > 0 then redis.call('EXPIRE', group, keep_group) end
end

local more, parts = redis.call('GET', added), redis.call('GET', size)
local claimed = 0
if parts and count == tonumber(parts) + tonumber(more or 0) then
  if redis.call('GET', claim) == token or redis.call('SET', claim, token, 'NX', 'EX', keep_claim) then
    claimed = 1
  end
end
return {count, more, parts, claimed}
