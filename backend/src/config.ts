import { createSecretKey, type KeyObject } from 'node:crypto'
import type { z } from 'zod'
import type { UploadRules } from './features/uploads/index.js'
import type { LimitRates } from './http/limits.js'
import { type LimitName, limitNames, limitRow } from './http/limits-table.js'
import { parseRates, type Rate } from './http/rates.js'
import type { ClamdSettings } from './platform/content/scanner/clamd-scanner.js'
import type { SmtpSettings } from './platform/mail/smtp-mailer.js'
import type { ReadPreference } from './platform/read-preference.js'
import type { RedisSettings } from './platform/redis-address.js'
import type { SmsSettings } from './platform/sms/create-sms.js'
import type { StorageSettings } from './platform/storage/create-storage.js'
import type { TelemetrySettings } from './platform/telemetry/telemetry.js'
import { type BackupSettings, backupFaults, backupOf } from './settings/backup.js'
import { deliveryFaults, deliveryWarnings, mailOf, smsOf } from './settings/delivery.js'
import { metricsOf } from './settings/metrics.js'
import { scannerFaults, scannerOf } from './settings/scanner.js'
import { readSecretFile } from './settings/secret-files.js'
import { type SecuritySettings, securityFaults, securityOf } from './settings/security.js'
import { storageFaults, storageOf, storageWarnings } from './settings/storage.js'
import { telemetryOf } from './settings/telemetry.js'
import { type TlsSettings, tlsFaults, tlsOf, tlsWarnings } from './settings/tls.js'
import type { Variable } from './settings/variable.js'
import { variables } from './settings/variables.js'

type Environment = Record<string, string | undefined>
type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** What the server runs with. Secrets are held in forms that print as nothing. */
export interface Config {
  readonly environment: 'development' | 'test' | 'production'
  readonly server: {
    readonly host: string
    readonly port: number
    readonly publicUrl: string
    readonly trustProxy: false | number | string[]
    readonly corsOrigins: readonly string[]
    /** None: any host is served. */
    readonly allowedHosts: readonly string[]
    /** Whether the API's document and its page are served. */
    readonly docs: boolean
    readonly version: string
    readonly logLevel: string
    /** Undefined: the standard output. */
    readonly logFile: string | undefined
    /** This worker's number under PM2; '0' alone. */
    readonly worker: string
  }
  /** Undefined: HTTP in the clear. */
  readonly tls: TlsSettings | undefined
  readonly metrics: {
    /** This worker's own; undefined where `/metrics` is answered beside the rest, or by nobody. */
    readonly port: number | undefined
    readonly host: string
    /** Whether `/metrics` is answered beside the rest: only where a process is alone at its port, and so always the one that is asked. */
    readonly beside: boolean
    /** Whose expiry is told. */
    readonly certificateFile: string | undefined
  }
  readonly telemetry: TelemetrySettings
  readonly mongo: {
    readonly uri: string
    readonly poolSize: number
    readonly selectionTimeoutMs: number
    readonly socketTimeoutMs: number
    /** Of lists that may be behind (docs/adr/0018). */
    readonly listReadPreference: ReadPreference
  }
  readonly redis: RedisSettings | undefined
  readonly eventLog: { readonly entriesPerChannel: number; readonly ttlSeconds: number; readonly shards: number }
  readonly tokens: {
    /** Signs. */
    readonly key: KeyObject
    /** Signed before, and still verify. */
    readonly previousKeys: readonly KeyObject[]
    readonly issuer: string
    readonly accessTtlSeconds: number
    /** How long a session lives unused. */
    readonly refreshTtlSeconds: number
    /** How long a session lives at most. */
    readonly sessionMaxTtlSeconds: number
    /** The same of browsers' sessions. */
    readonly web: { readonly refreshTtlSeconds: number; readonly sessionMaxTtlSeconds: number }
  }
  /** Where addresses are: a file in MaxMind DB format. */
  readonly geoIpFile: string | undefined
  readonly pepper: KeyObject | undefined
  /** What passwords may be hashed with as well; undefined: those hashed without one. */
  readonly previousPeppers: readonly (KeyObject | undefined)[]
  readonly appName: string
  /** Where a QR code leads, and what opens the app from there. */
  readonly qrPage: {
    readonly url: string
    /** Of links that the app opens: `heliograph` for `heliograph://…`. */
    readonly appScheme: string | undefined
    readonly appStoreUrl: string | undefined
    readonly playStoreUrl: string | undefined
    readonly appleAppIds: readonly string[]
    readonly android: { readonly packageName: string; readonly certificateFingerprints: readonly string[] } | undefined
  }
  /** Where the links in mails lead, without a slash at its end. */
  readonly frontendUrl: string
  readonly smsCodeText: string
  readonly sms: SmsSettings | undefined
  readonly mail: SmtpSettings | undefined
  readonly storage: StorageSettings
  readonly uploads: UploadRules
  readonly backup: BackupSettings
  readonly security: SecuritySettings
  /** What looks through uploads; undefined where nothing does. */
  readonly scanner: ClamdSettings | undefined
  readonly limits: LimitRates
  readonly accounts: {
    readonly phoneVerification: 'required' | 'optional'
    readonly adminTotp: 'required' | 'optional'
    /** What becomes of the messages of who goes. */
    readonly deletion: 'keep' | 'remove'
    readonly lockout: { readonly most: number; readonly rememberedMs: number }
  }
  readonly passwords: {
    readonly minLength: number
    readonly maxLength: number
    readonly requireUppercase: boolean
    readonly requireLowercase: boolean
    readonly requireDigits: boolean
    readonly requireSpecial: boolean
    readonly preventReuseCount: number
    readonly maxAgeDays: number
  }
  /** What an operator should know and need not stop for. */
  readonly warnings: readonly string[]
}

/** All that is wrong with the configuration, a line each. */
export class ConfigError extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(
      `The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/**
 * Reads the configuration of this process, with the settings that a secret in AWS Secrets Manager holds where SECRETS_MANAGER_ID names one.
 * @throws ConfigError, also where the secret cannot be read
 */
export const loadConfig = async (place: { clustered: boolean } = { clustered: false }): Promise<Config> => {
  if (!process.env.SECRETS_MANAGER_ID) return readConfig(process.env, place)
  const { withManagedSettings } = await import('./settings/managed.js') // Amazon's client is loaded for nobody else
  const managed = await withManagedSettings(process.env)
  if ('faults' in managed) throw new ConfigError(managed.faults)
  const config = readConfig(managed.environment, place)
  return { ...config, warnings: [...managed.warnings, ...config.warnings] }
}

/**
 * Reads the configuration from an environment. An empty value counts as unset.
 * @throws ConfigError naming every fault at once; no message repeats a secret's value
 */
export const readConfig = (environment: Environment = process.env, place: { clustered: boolean } = { clustered: false }): Config => {
  const faults: string[] = []
  const values: Record<string, unknown> = {}
  const unread = new Set<string>()
  for (const [name, declared] of Object.entries<Variable>(variables)) {
    const { text, fault } = textOf(name, declared, environment)
    if (fault !== undefined) {
      faults.push(fault)
      unread.add(name)
      continue
    }
    const parsed = declared.schema.safeParse(text)
    if (parsed.success) values[name] = parsed.data
    else faults.push(`${name}: ${text === undefined ? 'is required' : parsed.error.issues.map((issue) => issue.message).join('; ')}`)
  }
  const together = [
    ...(values.NODE_ENV === 'production' && !values.MONGO_URI ? ['MONGO_URI: is required in production'] : []),
    ...tokenFaults(values),
    ...pepperFaults(values),
    ...redisFaults(values, place),
    ...deliveryFaults(values),
    ...storageFaults(values),
    ...backupFaults(values),
    ...securityFaults(values),
    ...scannerFaults(values),
    ...androidFaults(values),
    ...tlsFaults(values),
  ]
  faults.push(...together.filter((fault) => !unread.has(fault.slice(0, fault.indexOf(':'))))) // what could not be read is set all the same
  if (faults.length > 0) throw new ConfigError(faults)
  return toConfig(values as Values, environment.NODE_APP_INSTANCE ?? '0', place)
}

const textOf = (name: string, declared: Variable, environment: Environment): { text?: string | undefined; fault?: string } => {
  const text = environment[name] || undefined
  const file = declared.secret && environment[`${name}_FILE`]
  if (!file) return { text }
  if (text) return { fault: `${name}: is set twice, by ${name} and by ${name}_FILE` }
  const read = readSecretFile(file, { mayBeEmpty: isList(declared) })
  return 'fault' in read ? { fault: `${name}_FILE: ${read.fault}` } : { text: read.text || undefined }
}

/** Of which there may be none. */
const isList = ({ schema }: Variable): boolean => Array.isArray(schema.safeParse(undefined).data)

const toConfig = (values: Values, worker: string, place: { clustered: boolean }): Config => {
  const accessTtlSeconds = values.ACCESS_TOKEN_TTL ?? values.JWT_EXPIRES_IN ?? 15 * 60
  const longAccess = accessTtlSeconds > 3600 ? ['ACCESS_TOKEN_TTL is over an hour: a stolen access token stays good that long'] : []
  const tls = tlsOf(values)
  const publicUrl = values.API_URL ?? `${tls ? 'https' : 'http'}://localhost:${values.PORT}`
  return {
    environment: values.NODE_ENV,
    server: {
      host: values.HOST,
      port: values.PORT,
      publicUrl,
      trustProxy: values.TRUST_PROXY,
      corsOrigins: values.CORS_ORIGIN,
      allowedHosts: values.ALLOWED_HOSTS,
      docs: values.API_DOCS ?? values.NODE_ENV !== 'production',
      version: values.APP_VERSION,
      logLevel: values.LOG_LEVEL,
      logFile: values.LOG_FILE,
      worker,
    },
    telemetry: telemetryOf(values, worker),
    tls,
    metrics: metricsOf(values, worker, place),
    mongo: {
      uri: values.MONGO_URI ?? 'mongodb://127.0.0.1:27017/heliograph',
      poolSize: values.MONGO_POOL_SIZE,
      selectionTimeoutMs: values.MONGO_SELECTION_TIMEOUT_MS,
      socketTimeoutMs: values.MONGO_SOCKET_TIMEOUT_MS,
      listReadPreference: values.MONGO_READ_PREFERENCE,
    },
    redis: redisOf(values),
    eventLog: { entriesPerChannel: values.EVENT_LOG_ENTRIES, ttlSeconds: values.EVENT_LOG_TTL, shards: values.REDIS_SHARDS },
    tokens: {
      key: createSecretKey(values.JWT_SECRET, 'utf8'),
      previousKeys: values.JWT_PREVIOUS_SECRETS.map((previous) => createSecretKey(previous, 'utf8')),
      issuer: values.JWT_ISSUER,
      accessTtlSeconds,
      refreshTtlSeconds: values.REFRESH_TOKEN_TTL,
      sessionMaxTtlSeconds: values.SESSION_MAX_TTL,
      web: { refreshTtlSeconds: values.WEB_SESSION_TTL, sessionMaxTtlSeconds: values.WEB_SESSION_MAX_TTL },
    },
    geoIpFile: values.GEOIP_FILE,
    pepper: values.AUTH_PEPPER ? createSecretKey(values.AUTH_PEPPER, 'utf8') : undefined,
    previousPeppers: values.AUTH_PREVIOUS_PEPPERS.map((previous) => (previous === 'none' ? undefined : createSecretKey(previous, 'utf8'))),
    appName: values.APP_NAME,
    qrPage: {
      url: values.QR_URL ?? `${publicUrl.replace(/\/$/, '')}/qr`,
      appScheme: values.APP_SCHEME,
      appStoreUrl: values.APP_STORE_URL,
      playStoreUrl: values.PLAY_STORE_URL,
      appleAppIds: values.APPLE_APP_IDS,
      android: androidOf(values),
    },
    frontendUrl: (values.FRONTEND_URL ?? 'http://localhost:5173').replace(/\/+$/, ''),
    smsCodeText: values.SMS_CODE_TEXT,
    sms: smsOf(values),
    mail: mailOf(values),
    accounts: {
      phoneVerification: values.PHONE_VERIFICATION ?? (values.NODE_ENV === 'production' ? 'required' : 'optional'),
      adminTotp: values.ADMIN_TOTP,
      deletion: values.ACCOUNT_DELETION,
      lockout: { most: values.MAX_LOGIN_ATTEMPTS, rememberedMs: values.LOCKOUT_DURATION_MINUTES * 60_000 },
    },
    passwords: {
      minLength: values.PASSWORD_MIN_LENGTH,
      maxLength: values.PASSWORD_MAX_LENGTH,
      requireUppercase: values.PASSWORD_REQUIRE_UPPERCASE,
      requireLowercase: values.PASSWORD_REQUIRE_LOWERCASE,
      requireDigits: values.PASSWORD_REQUIRE_DIGITS,
      requireSpecial: values.PASSWORD_REQUIRE_SPECIAL,
      preventReuseCount: values.PASSWORD_PREVENT_REUSE_COUNT,
      maxAgeDays: values.PASSWORD_MAX_AGE_DAYS,
    },
    storage: storageOf(values, publicUrl),
    uploads: {
      maxFileBytes: values.MAX_FILE_SIZE,
      allowedTypes: values.ALLOWED_FILE_TYPES,
      quotaBytes: values.UPLOAD_QUOTA,
      dailyBytes: values.UPLOAD_DAILY,
    },
    backup: backupOf(values),
    security: securityOf(values),
    scanner: scannerOf(values),
    limits: limitsOf(values),
    warnings: [...longAccess, ...deliveryWarnings(values), ...storageWarnings(values), ...tlsWarnings(values)],
  }
}

const tokenFaults = ({ JWT_SECRET: secret, JWT_PREVIOUS_SECRETS: previous }: Partial<Values>): string[] =>
  secret && previous?.includes(secret) ? ['JWT_PREVIOUS_SECRETS: holds JWT_SECRET itself'] : []

const pepperFaults = ({ AUTH_PEPPER: pepper, AUTH_PREVIOUS_PEPPERS: previous = [] }: Partial<Values>): string[] => {
  if (previous.length > 0 && !pepper) return ['AUTH_PEPPER: is required with AUTH_PREVIOUS_PEPPERS']
  return pepper && previous.includes(pepper) ? ['AUTH_PREVIOUS_PEPPERS: holds AUTH_PEPPER itself'] : []
}

const redisFaults = (values: Partial<Values>, { clustered }: { clustered: boolean }): string[] => {
  const { REDIS_URL: url, REDIS_SENTINELS: sentinels, REDIS_CLUSTER: cluster, REDIS_CA_FILE: ca } = values
  if (url && sentinels) return ['REDIS_SENTINELS: is set beside REDIS_URL; only one of the two can say where Redis is']
  if (cluster && (url || sentinels))
    return [`REDIS_CLUSTER: is set beside ${url ? 'REDIS_URL' : 'REDIS_SENTINELS'}; only one of the two can say where Redis is`]
  if (url && !url.tls && ca) return ['REDIS_CA_FILE: needs a REDIS_URL that begins with rediss://']
  return clustered && !url && !sentinels && !cluster ? ['REDIS_URL: is required with more than one worker'] : []
}

const redisOf = (values: Values): RedisSettings | undefined => {
  const { REDIS_URL: url, REDIS_SENTINELS: sentinels, REDIS_USERNAME: username, REDIS_PASSWORD: password, REDIS_CA_FILE: ca } = values
  if (sentinels) {
    const at = { sentinels, name: values.REDIS_SENTINEL_NAME, password: values.REDIS_SENTINEL_PASSWORD }
    return { at, username, password, database: 0, tls: ca === undefined ? undefined : { ca } }
  }
  if (values.REDIS_CLUSTER) {
    return { at: { cluster: values.REDIS_CLUSTER }, username, password, database: 0, tls: ca === undefined ? undefined : { ca } }
  }
  return (
    url && {
      at: { host: url.host, port: url.port },
      username: url.username ?? username,
      password: url.password ?? password,
      database: url.database,
      tls: url.tls ? { ca } : undefined,
    }
  )
}

/** LIMIT_<ROW> over RATE_LIMIT_* over the default; LIMIT_<ROW> may give some of a row's rates. */
const limitsOf = (values: Values): LimitRates => {
  const rates = limitNames.map((name) => {
    const row = limitRow(name)
    const given = values[`LIMIT_${name.toUpperCase() as Uppercase<LimitName>}`]
    return [name, { ...parseRates(row.rate, row.by), ...(name === 'anonymous' && strangersOf(values)), ...given }]
  })
  return Object.fromEntries(rates) as LimitRates
}

const strangersOf = ({ RATE_LIMIT_WINDOW_MS: windowMs, RATE_LIMIT_MAX_REQUESTS: points }: Values): { ip?: Rate } => {
  const fallback = parseRates(limitRow('anonymous').rate, ['ip'])?.ip
  if (!fallback) return {}
  return { ip: { points: points ?? fallback.points, windowSeconds: windowMs ? windowMs / 1000 : fallback.windowSeconds } }
}

const androidFaults = ({ ANDROID_PACKAGE: name, ANDROID_CERT_FINGERPRINTS: fingerprints = [] }: Partial<Values>): string[] => {
  if (name !== undefined && fingerprints.length === 0) return ['ANDROID_CERT_FINGERPRINTS: is required with ANDROID_PACKAGE']
  return name === undefined && fingerprints.length > 0 ? ['ANDROID_PACKAGE: is required with ANDROID_CERT_FINGERPRINTS'] : []
}

const androidOf = ({ ANDROID_PACKAGE: packageName, ANDROID_CERT_FINGERPRINTS: certificateFingerprints }: Values) =>
  packageName === undefined ? undefined : { packageName, certificateFingerprints }
