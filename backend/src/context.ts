import type { Config } from './config.js'
import {
  AccountPasswords,
  AccountService,
  Lockout,
  OwnCredentials,
  PasswordPolicy,
  Passwords,
  Proof,
  pendingOf,
  SecondFactor,
  TotpService,
} from './features/accounts/index.js'
import { AdministrationService, AdministratorsService, ClosingService, StatsService } from './features/admin/index.js'
import { Admission, type AdmissionDocument } from './features/admission/index.js'
import { type ApiKeyDocument, ApiKeyService, apiKeySchema, apiKeySource } from './features/api-keys/index.js'
import { type AuditDocument, AuditLog, auditSchema } from './features/audit/index.js'
import { type BlockDocument, BlockService, Blocks, blockSchema, blockSource } from './features/blocks/index.js'
import {
  type CodeDocument,
  CodeService,
  codeSchema,
  codeTextOf,
  Messenger,
  OneTimeCodes,
  OneTimeTokens,
  PhoneProof,
  type TokenDocument,
  tokenSchema,
} from './features/codes/index.js'
import {
  Activity,
  Changes,
  type ConversationDocument,
  ConversationService,
  conversationSchema,
  conversationSource,
  Gone,
  MemberService,
  Memberships,
  SharedConversations,
} from './features/conversations/index.js'
import { EmailService, PasswordReset, PhoneChange, textsOf } from './features/identity/index.js'
import { Maintenance, type MaintenanceDocument, orphanedSessions, voidSessions } from './features/maintenance/index.js'
import { CommitLane, Heads, type MessageDocument, MessageService, messageSchema, messageSource } from './features/messages/index.js'
import { OperationsService } from './features/operations/index.js'
import { Contacts, companyOf, PeopleService } from './features/people/index.js'
import {
  Audience,
  MemoryPresence,
  ownTypingMarks,
  PresenceService,
  type PresenceTimes,
  RedisPresence,
  RedisTypingMarks,
  TypingService,
  type TypingTimes,
} from './features/presence/index.js'
import {
  type ChallengeDocument,
  Challenges,
  challengeSchema,
  QrBrowserSide,
  QrPhoneSide,
  type QrTimes,
  Watch,
} from './features/qr-login/index.js'
import {
  type ReceiptDocument,
  ReceiptPrivacy,
  ReceiptService,
  ReceiptTeller,
  ReceiptWriter,
  receiptSchema,
  receiptSource,
} from './features/receipts/index.js'
import { type ReportDocument, ReportService, reportSchema } from './features/reports/index.js'
import {
  mailOutlet,
  type SecurityAlertDocument,
  SecurityMonitor,
  securityAlertSchema,
  webhookOutlet,
} from './features/security-monitor/index.js'
import {
  LastSeen,
  RevokedSessions,
  SessionCookies,
  type SessionDocument,
  SessionService,
  sessionSchema,
  sessionSource,
  UsedTokens,
} from './features/sessions/index.js'
import { MemoryTickets, RedisTickets, StreamService } from './features/streams/index.js'
import { type MomentMargins, Moments, SyncService } from './features/sync/index.js'
import { Directory, type UserDocument, UserIdentities, UserService, userSchema, userSource } from './features/users/index.js'
import { Limits } from './http/limits.js'
import { Problem } from './http/problem.js'
import { AccessTokens } from './platform/access-tokens.js'
import { createDeliveries } from './platform/deliveries.js'
import { createIndexes, requireIndexes } from './platform/indexes.js'
import { Keyspace } from './platform/keyspace.js'
import type { Logger } from './platform/logger.js'
import { Mongo } from './platform/mongo.js'
import { type Outlet, terminalOutlet } from './platform/outlet.js'
import { Places } from './platform/places.js'
import { redisConnections } from './platform/redis-connections.js'
import { Sealer } from './platform/sealed.js'
import { tagOf } from './platform/shards.js'
import { Hub } from './realtime/hub.js'
import { Leases } from './realtime/leases.js'
import { MemoryLog } from './realtime/log/memory-log.js'
import { RedisLog } from './realtime/log/redis-log.js'
import { Outbox } from './realtime/outbox.js'
import { Pulse } from './realtime/pulse.js'
import { Sweeper } from './realtime/sweeper.js'

export type Context = ReturnType<typeof createContext>

/** What tests make shorter than it is. */
export interface ContextTiming {
  /** How long an outbox keeps what was told. */
  readonly forgetAfterMs?: number
  readonly presence?: Partial<PresenceTimes>
  readonly typing?: Partial<TypingTimes>
  readonly sync?: MomentMargins
  /** Where SMS and mails go that no provider is configured for; never used in production. */
  readonly outlet?: Outlet
  readonly sessions?: {
    /** How often it is written down which sessions are in use. */
    readonly seenEveryMs?: number
    /** How often GEOIP_FILE is looked at. */
    readonly placesEveryMs?: number
  }
  readonly qr?: Partial<QrTimes> & { readonly lookEvery?: number }
}

/** Constructs every client and service, and connects nothing: `start` does, `close` ends it. */
export const createContext = (
  config: Config,
  logger: Logger,
  {
    presence: presenceTimes,
    typing: typingTimes,
    sync: syncMargins,
    sessions: sessionTimes,
    qr: qrTimes,
    outlet = terminalOutlet,
    ...timing
  }: ContextTiming = {},
) => {
  const mongo = new Mongo(config.mongo, logger)
  const { connection } = mongo
  const userModel = connection.model<UserDocument>('User', userSchema)
  const sessionModel = connection.model<SessionDocument>('Session', sessionSchema)
  const conversationModel = connection.model<ConversationDocument>('Conversation', conversationSchema)
  const messageModel = connection.model<MessageDocument>('Message', messageSchema)
  const receiptModel = connection.model<ReceiptDocument>('Receipt', receiptSchema)
  const auditModel = connection.model<AuditDocument>('Audit', auditSchema)
  const blockModel = connection.model<BlockDocument>('Block', blockSchema)
  const reportModel = connection.model<ReportDocument>('Report', reportSchema)
  const codeModel = connection.model<CodeDocument>('Code', codeSchema)
  const tokenModel = connection.model<TokenDocument>('OneTimeToken', tokenSchema)
  const apiKeyModel = connection.model<ApiKeyDocument>('ApiKey', apiKeySchema)
  const challengeModel = connection.model<ChallengeDocument>('Challenge', challengeSchema)
  const alertModel = connection.model<SecurityAlertDocument>('SecurityAlert', securityAlertSchema)
  const models = [
    userModel,
    sessionModel,
    conversationModel,
    messageModel,
    receiptModel,
    auditModel,
    codeModel,
    tokenModel,
    apiKeyModel,
    blockModel,
    reportModel,
    challengeModel,
    alertModel,
  ]

  const { shards } = config.eventLog
  const tags = Array.from({ length: shards }, (_, shard) => tagOf(shard))
  const redis = config.redis && redisConnections(config.redis, tags, logger)
  const generation = () => mongo.generation
  const keyspace = new Keyspace(generation, shards)
  const log = redis
    ? new RedisLog({
        commands: redis.commands,
        subscriber: redis.channels,
        generation,
        limits: config.eventLog,
        shards,
        refusal: () => redis.refusal,
      })
    : new MemoryLog(config.eventLog)
  const hub = new Hub(log, logger)
  const pulse = new Pulse(hub)
  const outbox = new Outbox({ log, logger, onEpoch: (epoch) => hub.noteEpoch(epoch), ...timing })
  const collection = <D extends object>(name: string) => connection.getClient().db(connection.name).collection<D>(name)
  const leases = new Leases({ leases: () => collection('leases'), logger })

  const accessTokens = new AccessTokens(config.tokens)
  const deliveries = createDeliveries(config, config.environment === 'production' ? undefined : outlet)
  const audit = new AuditLog({ entries: auditModel })
  const admission = new Admission({ admission: () => collection<AdmissionDocument>('admission'), hub, log, logger })
  const { webhook, alertEmail } = config.security
  const securityMonitor = new SecurityMonitor({
    audit,
    alerts: alertModel,
    outlets: [
      ...(webhook ? [webhookOutlet(webhook)] : []),
      ...(alertEmail !== undefined && deliveries.mailer ? [mailOutlet(deliveries.mailer, alertEmail)] : []),
    ],
    logger,
  })
  audit.onRecorded((entry) => securityMonitor.notice(entry))
  const closing = new ClosingService({ admission, audit })
  const shared = new SharedConversations({ conversations: conversationModel })
  const blocks = new Blocks({ blocks: blockModel, hub })
  const userOutbox = userSource({ collection: () => collection('users'), companyOf: companyOf({ shared, blocks }) })
  const users = new UserService({
    users: userModel,
    outbox,
    source: userOutbox,
    isAvatarOf: () => Promise.resolve(false), // there are no uploads
    worker: leases.worker,
  })
  const blockOutbox = blockSource(() => collection('blocks'))
  const blockService = new BlockService({ documents: blockModel, blocks, users, outbox, source: blockOutbox, worker: leases.worker })
  const revokedSessions = new RevokedSessions({
    collections: [() => collection('sessions'), () => collection('api_keys')],
    hub,
    accessTtlSeconds: accessTokens.ttlSeconds,
    logger,
  })
  const sessionOutbox = sessionSource(() => collection('sessions'))
  const places = new Places({
    file: config.geoIpFile,
    logger,
    ...(sessionTimes?.placesEveryMs !== undefined && { lookEveryMs: sessionTimes.placesEveryMs }),
  })
  const usedTokens = new UsedTokens({ sessions: sessionModel, logger })
  const lastSeen = new LastSeen({
    sessions: sessionModel,
    logger,
    ready: () => mongo.ready,
    ...(sessionTimes?.seenEveryMs !== undefined && { everyMs: sessionTimes.seenEveryMs }),
  })
  const sessionCookies = new SessionCookies({
    keys: [config.tokens.key, ...config.tokens.previousKeys],
    secure: config.environment === 'production' || config.server.publicUrl.startsWith('https:'),
    origins: config.server.corsOrigins,
  })
  const sessions = new SessionService({
    sessions: sessionModel,
    accessTokens,
    lifetimes: config.tokens,
    revoked: revokedSessions,
    usedTokens,
    audit,
    placeOf: places.placeOf,
    outbox,
    source: sessionOutbox,
    worker: leases.worker,
    admission,
    standingOf: (userId) => users.standingOf(userId),
    pendingOf: pendingOf({ maxAgeDays: config.passwords.maxAgeDays, adminTotp: config.accounts.adminTotp }),
  })
  const administration = new AdministrationService({ users: userModel, sessions, sessionModel, audit })
  const identities = new UserIdentities({ users: userModel, outbox, source: userOutbox, worker: leases.worker })
  const messenger = new Messenger({ deliveries, logger })
  const oneTimeCodes = new OneTimeCodes({ codes: codeModel, secret: config.pepper ?? config.tokens.key })
  const oneTimeTokens = new OneTimeTokens({ tokens: tokenModel })
  const passwords = new Passwords(config.pepper)
  const policy = new PasswordPolicy(config.passwords)
  const accountPasswords = new AccountPasswords({
    users: userModel,
    passwords,
    policy,
    preventReuseCount: config.passwords.preventReuseCount,
  })
  const lockout = new Lockout({ rules: config.accounts.lockout, redis: redis?.commands, keyspace, logger })
  const proof = new Proof({ passwords, accountPasswords, lockout, audit })
  const sealingKeys = [config.tokens.key, ...config.tokens.previousKeys] as const
  const totpSealer = new Sealer(config.pepper ? [config.pepper, ...sealingKeys] : sealingKeys, 'totp')
  const secondFactor = new SecondFactor({ users: userModel, sealer: totpSealer, audit })
  const totp = new TotpService({
    users,
    model: userModel,
    sessions,
    sealer: totpSealer,
    audit,
    proof,
    lockout,
    secondFactor,
    issuer: config.appName,
    requiredOfAdmins: config.accounts.adminTotp === 'required',
  })
  const ownCredentials = new OwnCredentials({ users, sessions, audit, passwords: accountPasswords, proof })
  const accounts = new AccountService({
    users,
    sessions,
    audit,
    passwords,
    accountPasswords,
    proof,
    secondFactor,
    redeemRegistration: async (token, phone) => (await oneTimeTokens.redeem('registration', token, phone)) !== undefined,
    phoneVerification: config.accounts.phoneVerification,
  })
  const administrators = new AdministratorsService({
    users,
    model: userModel,
    sessions,
    audit,
    policy,
    hashPassword: (password) => passwords.hash(password),
  })
  const maintenance = new Maintenance({
    maintenance: () => collection<MaintenanceDocument>('maintenance'),
    leases,
    jobs: [
      voidSessions({ sessions: sessionModel, sessionsValidFrom: () => admission.state.sessionsValidFrom }),
      orphanedSessions({ sessions: sessionModel, users: userModel, ending: sessions }),
    ],
    logger,
  })
  const phoneProof = new PhoneProof({ identities, sessions, tokens: oneTimeTokens, audit })
  const codes = new CodeService({
    codes: oneTimeCodes,
    tokens: oneTimeTokens,
    proof: phoneProof,
    secondFactor,
    users,
    sessions,
    messenger,
    audit,
    codeText: codeTextOf(config.smsCodeText, config.appName),
  })
  const apiKeyOutbox = apiKeySource(() => collection('api_keys'))
  const apiKeys = new ApiKeyService({
    keys: apiKeyModel,
    accessTokens,
    revoked: revokedSessions,
    audit,
    outbox,
    source: apiKeyOutbox,
    worker: leases.worker,
  })
  const texts = textsOf({ app: config.appName, frontendUrl: config.frontendUrl })
  const known = {
    users,
    identities,
    sessions,
    audit,
    messenger,
    texts,
    codes: oneTimeCodes,
    tokens: oneTimeTokens,
    proof: phoneProof,
    ownCredentials,
  }
  const emails = new EmailService(known)
  const phoneChange = new PhoneChange(known)
  const passwordReset = new PasswordReset({ ...known, passwords: accountPasswords })
  const challenges = new Challenges(() => collection('qr_challenges'), qrTimes)
  const qrWatch = new Watch({ challenges, hub, logger, lookEvery: qrTimes?.lookEvery })
  const qrBrowser = new QrBrowserSide({ challenges, watch: qrWatch, hub, users, sessions, audit, pageUrl: config.qrPage.url })
  const qrPhone = new QrPhoneSide({ challenges, watch: qrWatch, users, audit })
  const memberships = new Memberships({ conversations: conversationModel, hub })
  const conversationOutbox = conversationSource({
    collection: () => collection('conversations'),
    watermarks: (conversation, userIds) => receipts.among(conversation, userIds),
    writeMessage: (message) => messages.sendSystem(message),
  })
  const changes = new Changes({ conversations: conversationModel, worker: leases.worker })
  const gone = new Gone({ conversations: conversationModel, outbox, source: conversationOutbox })
  const conversations = new ConversationService({
    conversations: conversationModel,
    users,
    blocks,
    changes,
    memberships,
    outbox,
    source: conversationOutbox,
    gone,
    worker: leases.worker,
  })
  const members = new MemberService({
    conversations,
    changes,
    memberships,
    users,
    blocks,
    log,
    outbox,
    source: conversationOutbox,
    gone,
    headOf: (id) => heads.read(id),
  })

  const presence = new PresenceService({
    store: redis ? new RedisPresence({ redis: redis.commands, keyspace, worker: leases.worker }) : new MemoryPresence(),
    audience: new Audience({ memberships, shared, blocks, users }),
    users,
    log,
    logger,
    ...(presenceTimes && { times: presenceTimes }),
  })
  hub.watch(presence)
  const typing = new TypingService({
    log,
    memberships,
    blocks,
    marks: redis ? new RedisTypingMarks({ redis: redis.commands, keyspace, worker: leases.worker }) : ownTypingMarks,
    ...(typingTimes && { times: typingTimes }),
  })

  /** What was begun for a database is not written to another one, which it may be when it is back. */
  const ofThisDatabase = <T>(collection: () => T): T => {
    if (!mongo.ready) throw new Problem('service_unavailable', 'The database cannot be reached')
    return collection()
  }
  const activity = new Activity({ connection, logger, ready: () => mongo.ready })
  const storedMessages = () => collection<MessageDocument>('messages')
  const heads = new Heads({ messages: storedMessages, keyspace, redis: redis?.commands })
  const storedReceipts = () => collection<ReceiptDocument>('receipts')
  const receiptPrivacy = new ReceiptPrivacy({ shared, users, blocks })
  const receiptOutbox = receiptSource({ collection: storedReceipts, activity, privacy: receiptPrivacy })
  const receiptTeller = new ReceiptTeller({ collection: storedReceipts, outbox, source: receiptOutbox, worker: leases.worker, logger })
  const receiptWriter = new ReceiptWriter({
    collection: () => ofThisDatabase(storedReceipts),
    teller: receiptTeller,
    activity,
    worker: leases.worker,
    logger,
  })
  const messageOutbox = messageSource({ collection: storedMessages, activity, receipts: receiptWriter })
  const lane = new CommitLane({
    messages: () => ofThisDatabase(storedMessages),
    heads,
    onStored(stored) {
      for (const { conversationId, seq, createdAt } of stored) activity.note({ conversationId, seq, at: createdAt })
      receiptWriter.sent(stored)
      typing.sent(stored)
      outbox.publish(messageOutbox, stored) // the sweeper publishes it if this worker dies first
    },
  })
  const messages = new MessageService({
    messages: messageModel,
    memberships,
    blocks,
    activity,
    lane,
    outbox,
    source: messageOutbox,
    worker: leases.worker,
  })
  const people = new PeopleService({
    users,
    directory: new Directory({ users: userModel }),
    blocks,
    contacts: new Contacts({ shared, hasWritten: (userId, conversationId) => messages.hasWritten(userId, conversationId) }),
    presence,
    logger,
  })
  const receipts = new ReceiptService({
    receipts: receiptModel,
    messages,
    memberships,
    heads,
    writer: receiptWriter,
    privacy: receiptPrivacy,
  })
  const reports = new ReportService({ reports: reportModel, users, memberships, messages, administration, audit })
  const streams = new StreamService({
    hub,
    log,
    limits: config.eventLog,
    memberships,
    sessions,
  })
  const tickets = redis ? new RedisTickets(redis.commands, keyspace) : new MemoryTickets()
  const sources = [conversationOutbox, messageOutbox, sessionOutbox, receiptOutbox, apiKeyOutbox]
  const sync = new SyncService({ conversations: conversationModel, moments: new Moments({ leases, sources, ...syncMargins }) })
  const sweeper = new Sweeper({ outbox, leases, sources: [...sources, userOutbox, blockOutbox], logger })
  const stats = new StatsService({ collection, sources, hub, admission, worker: config.server.worker })
  const limits = new Limits({ rates: config.limits, redis, keyspace, logger })
  const operations = new OperationsService({ mongo, redis, hub, version: config.server.version, worker: config.server.worker })

  return {
    config,
    logger,
    mongo,
    models,
    hub,
    log,
    sweeper,
    limits,
    accessTokens,
    deliveries,
    audit,
    accounts,
    ownCredentials,
    totp,
    codes,
    oneTimeTokens,
    emails,
    phoneChange,
    passwordReset,
    sessions,
    sessionCookies,
    apiKeys,
    revokedSessions,
    admission,
    closing,
    maintenance,
    securityMonitor,
    administration,
    administrators,
    stats,
    lastSeen,
    placeOf: places.placeOf,
    qrBrowser,
    qrPhone,
    qrWatch,
    users,
    people,
    blockService,
    reports,
    memberships,
    conversations,
    members,
    messages,
    messageOutbox,
    receipts,
    presence,
    typing,
    streams,
    sync,
    tickets,
    operations,

    /** True when there is no Redis, or both connections to it stand. */
    redisReady: (): boolean => redis?.ready ?? true,

    /** Connects in the background. Production makes no index by itself: it waits until `npm run migrate` has. */
    start(): void {
      redis?.start()
      limits.start()
      places.start()
      mongo.start(async () => {
        await (config.environment === 'production' ? requireIndexes(models) : createIndexes(models))
        await leases.start()
        await revokedSessions.start()
        pulse.start()
        await admission.start()
        sweeper.start()
        maintenance.start()
        presence.start()
      })
    },

    /** Lets what was begun come to its end, then closes the connections. */
    async close(): Promise<void> {
      await lane.settled()
      await activity.settled()
      await receiptWriter.settled()
      await receiptTeller.settled()
      await sweeper.stop()
      await maintenance.stop()
      await presence.stop()
      typing.stop()
      await revokedSessions.stop()
      await admission.stop()
      await usedTokens.stop()
      await lastSeen.stop()
      places.stop()
      await qrWatch.stop()
      await outbox.settled()
      await securityMonitor.settled()
      await deliveries.close()
      leases.stop()
      await limits.stop()
      await pulse.stop()
      redis?.close()
      await mongo.close()
    },
  }
}
