-- Settles what a worker that has ended still holds. apalis would do so after the time of several
-- heartbeats, and only when another worker runs; it never unregisters a worker that was stopped.
-- KEYS[1] the queue's name; ARGV[1] the worker; ARGV[2..] ids that this process is still handling
-- Returns the number of messages put back.
local queue = KEYS[1]
local worker = ARGV[1]
local inflight = queue .. ':inflight:' .. worker
local handling = {}
for i = 2, #ARGV do
    handling[ARGV[i]] = true
end

-- Forged, then; repair.lua sees to the workers that are listed, and this one may not be.
local found = redis.call('TYPE', inflight)['ok']
if found ~= 'set' and found ~= 'none' then
    redis.call('DEL', inflight)
end

local returned = 0
for _, id in ipairs(redis.call('SMEMBERS', inflight)) do
    if not handling[id] then
        redis.call('SREM', inflight, id)
        redis.call('RPUSH', queue .. ':active', id)
        returned = returned + 1
    end
end

-- With something left the worker stays on the list: its messages come back when it is found dead.
if redis.call('SCARD', inflight) == 0 then
    redis.call('ZREM', queue .. ':workers', worker)
    redis.call('ZREM', queue .. ':workers:started', worker)
    redis.call('DEL', queue .. ':workers:metadata:' .. worker)
end
return returned
