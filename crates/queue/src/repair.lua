-- Makes a queue fit to be served: apalis ends its worker at each of the things removed here, and
-- ends the next worker as well, for ever.
-- KEYS[1] the queue's name; ARGV[1] the worker about to start, or nothing
-- Returns the number of things removed.
local queue = KEYS[1]
-- By the one clock that all share.
local now = tonumber(redis.call('TIME')[1])
local removed = 0

-- 1. A key of the wrong type: somebody else wrote it, and nothing of ours can be in it.
local function must_be(wanted, key)
    local found = redis.call('TYPE', key)['ok']
    if found ~= wanted and found ~= 'none' then
        redis.call('DEL', key)
        removed = removed + 1
    end
end
must_be('list', queue .. ':active')
must_be('zset', queue .. ':scheduled')
must_be('zset', queue .. ':workers')
must_be('zset', queue .. ':workers:started')
must_be('hash', queue .. ':data')
must_be('list', queue .. ':signal')
must_be('set', queue .. ':done')
must_be('set', queue .. ':dead')
must_be('zset', 'core:apalis:queues:list')

-- 2. Messages of a time that our producer never writes (it writes "now", and then zero): they would wait for
-- ever and be counted as waiting.
removed = removed + redis.call('ZREMRANGEBYSCORE', queue .. ':scheduled', '-inf', '(0')
removed = removed + redis.call('ZREMRANGEBYSCORE', queue .. ':scheduled', '(' .. (now + 86400), '+inf')

-- 3. apalis moves all due messages in one command and fails from 8,000 on: move them in portions.
for _ = 1, 1000 do
    local due = redis.call('ZRANGEBYSCORE', queue .. ':scheduled', 0, now, 'LIMIT', 0, 1000)
    if #due == 0 then
        break
    end
    redis.call('RPUSH', queue .. ':active', unpack(due))
    redis.call('ZREM', queue .. ':scheduled', unpack(due))
end

-- 4. Metadata of the wrong type. The message itself is then delivered without metadata.
for _, id in ipairs(redis.call('LRANGE', queue .. ':active', 0, 9999)) do
    must_be('hash', queue .. ':meta:' .. id)
end

-- 5. What workers hold: a handful of ids each. More than apalis can move back is forged.
for _, name in ipairs(redis.call('ZRANGE', queue .. ':workers', 0, 999)) do
    local inflight = queue .. ':inflight:' .. name
    must_be('set', inflight)
    if redis.call('SCARD', inflight) > 5000 then
        redis.call('DEL', inflight)
        removed = removed + 1
    end
    for _, id in ipairs(redis.call('SMEMBERS', inflight)) do
        must_be('hash', queue .. ':meta:' .. id)
    end
end

if ARGV[1] ~= '' then
    redis.call('ZADD', queue .. ':workers:started', now, ARGV[1])
end
return removed
