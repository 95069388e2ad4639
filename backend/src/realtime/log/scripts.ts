import { mostRemembered, rememberedMs } from './log.js'

/**
 * The log's scripts. Each runs as one step in Redis, touches the keys of one shard, and changes nothing before it has checked everything.
 *
 * KEYS  1 epoch  2 clock  3 channel state  4 channel stream  5 held  6 purged  7 control state  8 control stream
 *       9 the events without a seq that the channel has been told
 * ARGV  1 generation  2 shards  3 a fresh random id  4 entries per channel  5 ttl in seconds  6 PUBLISH or SPUBLISH
 *       7 the channel's name  8 the control channel's name  then each script's own
 */
const shared = `
-- The epoch: a key of our own (gone when Redis restarts empty), the database's generation, Redis's run id (new after a restart, which may have
-- lost the last second) and replication id (new after a failover), the number of shards.
local function epoch()
  local own = redis.call('GET', KEYS[1])
  if not own then
    own = ARGV[3]
    redis.call('SET', KEYS[1], own)
  end
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local replication = string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
  return string.sub(redis.sha1hex(table.concat({ own, ARGV[1], run, replication, ARGV[2] }, ' ')), 1, 16)
end

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Rises even when the clock steps back.
local function nextId()
  local ms, number = now(), 0
  local last = redis.call('GET', KEYS[2])
  if last then
    local lastMs, lastNumber = string.match(last, '(%d+)-(%d+)')
    lastMs = tonumber(lastMs)
    if lastMs >= ms then ms, number = lastMs, tonumber(lastNumber) + 1 end
  end
  local id = string.format('%.0f-%.0f', ms, number)
  redis.call('SET', KEYS[2], id)
  return id
end

local function appendTo(state, stream, name, eventId, messageId, frame)
  local id = nextId()
  redis.call('XADD', stream, id, 'e', eventId, 'm', messageId, 'f', frame)
  local over = redis.call('XLEN', stream) - tonumber(ARGV[4])
  if over > 0 then
    local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', over)
    redis.call('HSET', state, 'floor', oldest[#oldest][1])
    redis.call('XTRIM', stream, 'MAXLEN', ARGV[4])
  end
  redis.call('HSET', state, 'last', id)
  redis.call('EXPIRE', state, ARGV[5])
  redis.call('EXPIRE', stream, ARGV[5])
  redis.call('EXPIRE', KEYS[6], ARGV[5]) -- what was purged is refused for as long as the channel lives
  redis.call(ARGV[6], name, id .. '\\n' .. frame)
  return id
end

local function purged(messageId)
  return messageId ~= '' and redis.call('SISMEMBER', KEYS[6], messageId) == 1
end

local function appendEvent(eventId, messageId, frame)
  if not purged(messageId) then appendTo(KEYS[3], KEYS[4], ARGV[7], eventId, messageId, frame) end
end

-- What was held and can go on now.
local function releaseHeld(seq)
  while true do
    local held = redis.call('HGET', KEYS[5], tostring(seq + 1))
    if not held then break end
    seq = seq + 1
    local entry = cmsgpack.unpack(held)
    appendEvent(entry[1], entry[2], entry[3])
    redis.call('HDEL', KEYS[5], tostring(seq))
  end
  redis.call('HSET', KEYS[3], 'seq', seq)
  redis.call('EXPIRE', KEYS[3], ARGV[5])
end
`

const remember = `
local function remember(eventId)
  redis.call('ZADD', KEYS[9], now(), eventId)
  redis.call('EXPIRE', KEYS[9], ARGV[5])
  local most = tonumber(ARGV[4])
  local over = redis.call('ZCARD', KEYS[9]) - most
  if over <= 0 then return end
  local newest = redis.call('ZRANGE', KEYS[9], over - 1, over - 1, 'WITHSCORES')
  redis.call('ZREMRANGEBYSCORE', KEYS[9], '-inf', math.min(tonumber(newest[2]), now() - ${rememberedMs}))
  redis.call('ZREMRANGEBYRANK', KEYS[9], 0, -1 - ${mostRemembered} * most)
end
`

/** ARGV 9 event id  10 seq or ''  11 message id or ''  12 frame  13 control message or ''  14 most held. Answers {epoch, outcome}. */
export const appendScript = `${shared}${remember}
local eventId, seq, messageId, frame, control = ARGV[9], tonumber(ARGV[10]), ARGV[11], ARGV[12], ARGV[13]
local current = epoch()

if seq then
  local base = tonumber(redis.call('HGET', KEYS[3], 'seq') or nil)
  if not base then return { current, 'need-base' } end
  if seq <= base then return { current, 'appended' } end
  if seq > base + 1 then
    if redis.call('HLEN', KEYS[5]) < tonumber(ARGV[14]) then
      redis.call('HSET', KEYS[5], tostring(seq), cmsgpack.pack({ eventId, messageId, frame }))
      redis.call('EXPIRE', KEYS[5], ARGV[5])
    end
    return { current, 'held' }
  end
elseif redis.call('ZSCORE', KEYS[9], eventId) then
  return { current, 'appended' }
end

if control ~= '' then appendTo(KEYS[7], KEYS[8], ARGV[8], eventId, '', control) end
appendEvent(eventId, messageId, frame)
if seq then
  releaseHeld(seq)
else
  remember(eventId)
end
return { current, 'appended' }
`

/** ARGV 9 base. */
export const setBaseScript = `${shared}
if redis.call('HSETNX', KEYS[3], 'seq', ARGV[9]) == 1 then releaseHeld(tonumber(ARGV[9])) end
return epoch()
`

/** ARGV 9 seq  10 control message. Answers 1 where something was passed over. */
export const passOverScript = `${shared}
local seq = tonumber(ARGV[9])
local base = tonumber(redis.call('HGET', KEYS[3], 'seq') or nil)
if base and seq <= base then return 0 end
for _, held in ipairs(redis.call('HKEYS', KEYS[5])) do
  if tonumber(held) <= seq then redis.call('HDEL', KEYS[5], held) end
end
redis.call('HSET', KEYS[3], 'floor', nextId())
appendTo(KEYS[7], KEYS[8], ARGV[8], '', '', ARGV[10])
releaseHeld(seq)
return 1
`

/** ARGV 9 message id. */
export const purgeScript = `${shared}
redis.call('SADD', KEYS[6], ARGV[9])
redis.call('EXPIRE', KEYS[6], ARGV[5])
for _, entry in ipairs(redis.call('XRANGE', KEYS[4], '-', '+')) do
  if entry[2][4] == ARGV[9] then redis.call('XDEL', KEYS[4], entry[1]) end
end
return epoch()
`

/** Answers {epoch, id, now, the channel's last seq or nil}. The id is never older than a second: whoever takes it as a position has a young one. */
export const headScript = `${shared}
local id = redis.call('GET', KEYS[2])
if not id or tonumber(string.match(id, '%d+')) < now() - 1000 then id = nextId() end
return { epoch(), id, string.format('%.0f', now()), redis.call('HGET', KEYS[3], 'seq') }
`

export const tickScript = `${shared}
redis.call(ARGV[6], ARGV[8], nextId() .. '\\n')
return epoch()
`
