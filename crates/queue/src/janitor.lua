-- Removes finished messages, and what workers that are gone have left.
-- KEYS[1] the queue's name; ARGV[1] messages per set
-- Returns the number of messages removed.
local queue = KEYS[1]
local limit = tonumber(ARGV[1])
-- By the one clock that all share.
local now = tonumber(redis.call('TIME')[1])
local removed = 0

local function remove(ids)
    for _, id in ipairs(ids) do
        redis.call('HDEL', queue .. ':data', id)
        redis.call('DEL', queue .. ':meta:' .. id)
    end
    removed = removed + #ids
end

for _, set in ipairs({ 'done', 'dead' }) do
    remove(redis.call('SPOP', queue .. ':' .. set, limit))
end

-- A worker that is not heard of for half a minute is gone. What it holds is given to nobody: the
-- ledger has workers notified again of its runs. One that comes back finds itself struck, and begins anew.
local started = queue .. ':workers:started'
for _, name in ipairs(redis.call('ZRANGEBYSCORE', started, '-inf', now - 30, 'LIMIT', 0, limit)) do
    local inflight = queue .. ':inflight:' .. name
    if redis.call('TYPE', inflight)['ok'] == 'set' then
        remove(redis.call('SMEMBERS', inflight))
    end
    redis.call('DEL', inflight, queue .. ':workers:metadata:' .. name)
    redis.call('ZREM', queue .. ':workers', name)
    redis.call('ZREM', started, name)
end

-- An acknowledgement that Redis broke off half-way, for want of memory say, leaves a message that is
-- nowhere any more. When nothing is under way, whatever is still kept is such a message.
local function under_way()
    local count = redis.call('LLEN', queue .. ':active') + redis.call('ZCARD', queue .. ':scheduled')
        + redis.call('SCARD', queue .. ':done') + redis.call('SCARD', queue .. ':dead')
    for _, list in ipairs({ queue .. ':workers', started }) do
        for _, name in ipairs(redis.call('ZRANGE', list, 0, -1)) do
            count = count + redis.call('SCARD', queue .. ':inflight:' .. name)
        end
    end
    return count
end
if redis.call('EXISTS', queue .. ':data') == 1 and under_way() == 0 then
    remove(redis.call('HRANDFIELD', queue .. ':data', limit))
end

return removed
