import type { Config } from './config.js'
import { createAccounts } from './context/accounts.js'
import { createAdministration } from './context/administration.js'
import { createBase } from './context/base.js'
import { createConsistency } from './context/consistency.js'
import { createConversations } from './context/conversations.js'
import { createDisappearing } from './context/disappearing.js'
import { createJobs } from './context/jobs.js'
import { createMessaging, type Messaging } from './context/messaging.js'
import { createMetrics } from './context/metrics.js'
import { createPeople } from './context/people.js'
import { createPresence } from './context/presence.js'
import { createQrLogin } from './context/qr-login.js'
import { createSecurity } from './context/security.js'
import { createSessions } from './context/sessions.js'
import { createStreams } from './context/streams.js'
import type { ContextTiming } from './context/timing.js'
import { createUploads, createUploadUses } from './context/uploads.js'
import { createUsers } from './context/users.js'
import { StatsService } from './features/admin/index.js'
import { OperationsService } from './features/operations/index.js'
import { bringUpToDate, requireUpToDate } from './migrations/prepare.js'
import type { Logger } from './platform/logger.js'
import type { Telemetry } from './platform/telemetry/telemetry.js'

export type Context = ReturnType<typeof createContext>

/** Constructs every client and service, and connects nothing: `start` does, `close` ends it. */
export const createContext = (config: Config, logger: Logger, timing: ContextTiming = {}, telemetry: Telemetry = {}) => {
  const base = createBase(config, logger, timing, telemetry)
  const security = createSecurity(base)
  const uploadUses = createUploadUses(base)
  const users = createUsers(base, uploadUses)
  const sessions = createSessions(base, security, users, timing)
  const accounts = createAccounts(base, security, users, sessions)
  const qrLogin = createQrLogin(base, security, users, sessions, timing)
  const conversations = createConversations(base, users, uploadUses, (): Messaging => messaging)
  const presence = createPresence(base, users, conversations, timing)
  const messaging = createMessaging(base, users, conversations, presence, uploadUses)
  const consistency = createConsistency(base, security, messaging, timing)
  const disappearing = createDisappearing(base, messaging, timing)
  const jobs = createJobs(base, security, users, sessions, accounts, conversations, messaging, uploadUses, timing)
  const streams = createStreams(base, users, sessions, conversations, messaging, jobs, uploadUses, timing)
  const administration = createAdministration(base, security, users, sessions, accounts)
  const people = createPeople(base, users, conversations, presence, messaging, security, administration)
  const uploads = createUploads(base, uploadUses, conversations, people, timing)

  const { mongo, redis, storage, hub, collection, leases, limits, outbox, pulse } = base
  const { worker, version } = config.server
  const models = Object.values(base.models)
  const operations = new OperationsService({ mongo, redis, storage, hub, version, worker })
  return {
    ...base,
    ...security,
    ...users,
    ...sessions,
    ...accounts,
    ...qrLogin,
    ...conversations,
    ...presence,
    ...messaging,
    ...consistency,
    ...disappearing,
    ...jobs,
    ...streams,
    ...administration,
    ...people,
    ...uploadUses,
    ...uploads,
    placeOf: sessions.places.placeOf,
    stats: new StatsService({ collection, sources: streams.sources, hub, admission: security.admission, worker }),
    operations,
    metrics: createMetrics(base, security, streams, operations),
    models,

    /** True when there is no Redis, or both connections to it stand. */
    redisReady: (): boolean => redis?.ready ?? true,

    /** Connects in the background. Production makes no index and migrates nothing by itself: it waits until `npm run migrate` has. */
    start(): void {
      redis?.start()
      limits.start()
      sessions.places.start()
      mongo.start(async () => {
        const database = { connection: base.connection, models, logger }
        await (config.environment === 'production' ? requireUpToDate(database) : bringUpToDate(database))
        await leases.start()
        await sessions.revokedSessions.start()
        pulse.start()
        await security.admission.start()
        streams.sweeper.start()
        jobs.jobRunner.start()
        administration.maintenance.start()
        disappearing.disappearing.start()
        uploads.sweepingUploads.start()
        presence.presence.start()
      })
    },

    /** Lets what was begun come to its end, then closes the connections. */
    async close(): Promise<void> {
      await disappearing.disappearing.stop()
      await uploads.sweepingUploads.stop()
      await uploads.images.close()
      await jobs.jobRunner.stop()
      await messaging.messagingSettled()
      await streams.sweeper.stop()
      await administration.maintenance.stop()
      await presence.presence.stop()
      presence.typing.stop()
      await sessions.revokedSessions.stop()
      await security.admission.stop()
      await sessions.usedTokens.stop()
      await sessions.lastSeen.stop()
      sessions.places.stop()
      await qrLogin.qrWatch.stop()
      await outbox.settled()
      await security.securityMonitor.settled()
      await base.deliveries.close()
      leases.stop()
      await limits.stop()
      await pulse.stop()
      redis?.close()
      await storage.close()
      await mongo.close()
    },
  }
}
