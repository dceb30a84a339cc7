-- Removes finished messages and the metadata of workers that are gone.
-- KEYS[1] the queue's name; ARGV[1] messages per set
-- Returns the number of messages removed.
local queue = KEYS[1]
local limit = tonumber(ARGV[1])
-- By the one clock that all share.
local now = tonumber(redis.call('TIME')[1])
local removed = 0

for _, set in ipairs({ 'done', 'dead' }) do
    local ids = redis.call('SPOP', queue .. ':' .. set, limit)
    if #ids > 0 then
        redis.call('HDEL', queue .. ':data', unpack(ids))
        for _, id in ipairs(ids) do
            redis.call('DEL', queue .. ':meta:' .. id)
        end
        removed = removed + #ids
    end
end

-- The minute is for a worker that has announced itself here and not registered with apalis yet.
local started = queue .. ':workers:started'
for _, name in ipairs(redis.call('ZRANGEBYSCORE', started, '-inf', now - 60, 'LIMIT', 0, limit)) do
    if not redis.call('ZSCORE', queue .. ':workers', name) then
        redis.call('DEL', queue .. ':workers:metadata:' .. name)
        redis.call('ZREM', started, name)
    end
end

return removed
