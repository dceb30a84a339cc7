-- Keeps what is about to be fetched small, whatever somebody wrote: Redis takes values of 512 MiB.
-- KEYS[1] the waiting list; KEYS[2] those whose time is to come; KEYS[3] the data; KEYS[4] begins the keys of metadata
-- ARGV[1] now, or a little later; ARGV[2] messages that are fetched; ARGV[3] most bytes of a value; ARGV[4] of an id
-- Returns the number of things cut.
local limit, bytes, id_bytes = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local cut = 0

local function next_ids()
    local ids = redis.call('LRANGE', KEYS[1], 0, limit - 1)
    if #ids < limit then
        for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], 0, ARGV[1], 'LIMIT', 0, limit)) do
            table.insert(ids, id)
        end
    end
    return ids
end

-- An id that long is no message.
local function drop_long_ids()
    local dropped = 0
    for _, id in ipairs(next_ids()) do
        if #id > id_bytes then
            redis.call('LREM', KEYS[1], 0, id)
            redis.call('ZREM', KEYS[2], id)
            redis.call('HDEL', KEYS[3], id)
            redis.call('DEL', KEYS[4] .. ':' .. id)
            dropped = dropped + 1
        end
    end
    return dropped
end
for _ = 1, 1000 do
    local dropped = drop_long_ids()
    cut = cut + dropped
    if dropped == 0 then
        break
    end
end

for _, id in ipairs(next_ids()) do
    local length = redis.call('HSTRLEN', KEYS[3], id)
    if length > bytes then
        redis.call('HSET', KEYS[3], id, length .. ' bytes, of which none was read: ' .. bytes .. ' are allowed')
        cut = cut + 1
    end
    -- Nothing of ours is kept in metadata that has to be read.
    local meta = KEYS[4] .. ':' .. id
    local fields = redis.call('HLEN', meta)
    if fields > 0 then
        local size = fields > 64 and bytes + 1 or 0
        if size == 0 then
            for _, field in ipairs(redis.call('HKEYS', meta)) do
                size = size + #field + redis.call('HSTRLEN', meta, field)
            end
        end
        if size > bytes then
            redis.call('DEL', meta)
            cut = cut + 1
        end
    end
end
return cut
