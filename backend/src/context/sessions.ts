import { pendingOf } from '../features/accounts/index.js'
import { ApiKeyService, apiKeySource } from '../features/api-keys/index.js'
import { LastSeen, RevokedSessions, SessionCookies, SessionService, sessionSource, UsedTokens } from '../features/sessions/index.js'
import { Places } from '../platform/places.js'
import type { Base } from './base.js'
import type { Security } from './security.js'
import type { ContextTiming } from './timing.js'
import type { Users } from './users.js'

export type Sessions = ReturnType<typeof createSessions>

/** Who is signed in, from where, and until when; people by sessions, machines by keys. */
export const createSessions = (
  { config, logger, mongo, collection, models, hub, outbox, accessTokens, leases: { worker } }: Base,
  { audit, admission }: Security,
  { users }: Users,
  { sessions: times }: ContextTiming,
) => {
  const revokedSessions = new RevokedSessions({
    collections: [() => collection('sessions'), () => collection('api_keys')],
    hub,
    accessTtlSeconds: accessTokens.ttlSeconds,
    logger,
  })
  const places = new Places({
    file: config.geoIpFile,
    logger,
    ...(times?.placesEveryMs !== undefined && { lookEveryMs: times.placesEveryMs }),
  })
  const usedTokens = new UsedTokens({ sessions: models.sessions, logger })
  const lastSeen = new LastSeen({
    sessions: models.sessions,
    logger,
    ready: () => mongo.ready,
    ...(times?.seenEveryMs !== undefined && { everyMs: times.seenEveryMs }),
  })
  const sessionCookies = new SessionCookies({
    keys: [config.tokens.key, ...config.tokens.previousKeys],
    secure: config.environment === 'production' || config.server.publicUrl.startsWith('https:'),
    origins: config.server.corsOrigins,
  })
  const sessionOutbox = sessionSource(() => collection('sessions'))
  const sessions = new SessionService({
    sessions: models.sessions,
    accessTokens,
    lifetimes: config.tokens,
    revoked: revokedSessions,
    usedTokens,
    audit,
    placeOf: places.placeOf,
    outbox,
    source: sessionOutbox,
    worker,
    admission,
    standingOf: (userId) => users.standingOf(userId),
    pendingOf: pendingOf({ maxAgeDays: config.passwords.maxAgeDays, adminTotp: config.accounts.adminTotp }),
  })
  const apiKeyOutbox = apiKeySource(() => collection('api_keys'))
  const apiKeys = new ApiKeyService({
    keys: models.apiKeys,
    accessTokens,
    revoked: revokedSessions,
    audit,
    outbox,
    source: apiKeyOutbox,
    worker,
  })
  return { revokedSessions, places, usedTokens, lastSeen, sessionCookies, sessions, apiKeys, sessionOutbox, apiKeyOutbox }
}
