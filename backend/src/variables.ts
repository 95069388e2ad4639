import { isIP } from 'node:net'
import { z } from 'zod'
import { hostPattern } from './http/allowed-hosts.js'
import { type LimitKey, type LimitName, limitNames, limitRow } from './http/limits-table.js'
import { parseRates, type Rate } from './http/rates.js'
import { placesFile } from './platform/places.js'
import { prefersAnother, readPreferences } from './platform/read-preference.js'
import { certificateFile, redisAddresses, redisUrl } from './platform/redis-address.js'
import { mostShards } from './platform/shards.js'
import { parseSmsTemplate } from './platform/sms/http-template.js'

/** One environment variable: how its text becomes a value, and what `.env.example` says of it. */
export interface Variable<S extends z.ZodType = z.ZodType> {
  readonly section: string
  readonly about: string
  readonly schema: S
  /** Shown, commented out, in `.env.example`: the default or an example; never a usable secret. */
  readonly example: string
  /** A secret may come from the file that `<NAME>_FILE` names, as Docker and Kubernetes mount them. */
  readonly secret?: true
}

const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 }

const mostSeconds = 10 * 365 * 86_400

/** `900`, `900s`, `15m`, `8h`, `30d` -> seconds; at most ten years. */
const duration = z
  .string()
  .regex(/^[1-9]\d{0,8}[smhd]?$/, 'a duration such as 900, 15m, 8h or 30d')
  .transform((text) => Number.parseInt(text, 10) * (unitSeconds[text.at(-1) ?? ''] ?? 1))
  .pipe(z.number().max(mostSeconds, 'at most ten years'))

const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, 'a whole number')
    .transform(Number)
    .pipe(z.number().min(least).max(most))

const unitBytes = { KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const
const bytesOfUnits: Readonly<Record<string, number>> = unitBytes
/** What one object of S3 may be copied of at once. */
const mostFileBytes = 5 * unitBytes.GB
const mostQuotaBytes = 1000 * unitBytes.TB

/** `512`, `512KB`, `10MB`, `5GB`, `1TB` -> bytes. */
const bytes = (most: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,11}([KMGT]B)?$/, 'a size such as 10MB or 5GB')
    .transform((text) => Number.parseInt(text, 10) * (bytesOfUnits[text.slice(-2)] ?? 1))
    .pipe(z.number().max(most, `at most ${most} bytes`))

const bucketName = z
  .string()
  .regex(/^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9](?:[a-z0-9]|[.-](?![.-])){1,61}[a-z0-9]$/, 'a bucket’s name such as heliograph-uploads')

/** `authorization=Bearer%20x,tenant=a`, as OpenTelemetry has them: percent-encoded. */
const otlpHeaders = z
  .string()
  .regex(/^[\w-]+=[^,=\s]+(,[\w-]+=[^,=\s]+)*$/, 'headers such as authorization=Bearer%20abc, separated by commas')
  .transform((text, { issues }) => {
    try {
      return Object.fromEntries(text.split(',').map((pair) => pair.split('=').map(decodeURIComponent) as [string, string]))
    } catch {
      issues.push({ code: 'custom', input: text, message: 'percent-encoded' })
      return z.NEVER
    }
  })
  .optional()

const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

const url = (protocols: RegExp, example: string) => z.string().regex(protocols, `a URL such as ${example}`)

const knownExample =
  /change.?me|your[-_ ]?(super)?[-_ ]?secret|super[-_ ]?secret|secret[-_ ]?key|jwt[-_ ]?secret|example|^(?<character>.)\k<character>*$/i
const secret = z
  .string()
  .min(32, 'at least 32 characters')
  .refine((text) => !knownExample.test(text), 'a known example; make one with: openssl rand -base64 48')

/** No secret holds a comma: `openssl rand -base64` makes none. */
const secrets = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(secret).max(10, 'at most ten'))

const pepper = z.string().min(32, 'at least 32 characters')

/** As `secrets`; `none` stands for hashes that were made without one. */
const peppers = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(z.union([z.literal('none'), pepper])).max(3, 'at most three'))

const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .pipe(
    z.array(
      z
        .string()
        .refine(
          (origin) => URL.canParse(origin) && new URL(origin).origin === origin,
          'origins such as https://chat.example.com, separated by commas',
        ),
    ),
  )

const hosts = z
  .string()
  .toLowerCase()
  .transform((text) => text.split(',').map((host) => host.trim()))
  .pipe(z.array(z.string().regex(hostPattern, 'hosts such as chat.example.com or *.example.com, separated by commas')))

const yesOrNo = z.enum(['true', 'false']).transform((text) => text === 'true')

const namedNetworks = new Set(['loopback', 'linklocal', 'uniquelocal'])
const isNetwork = (text: string): boolean => {
  const [address = '', bits, ...rest] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return rest.length === 0 && (bits === undefined ? most > 0 : /^\d{1,3}$/.test(bits) && Number(bits) <= most)
}

/** Express's own forms, but never `true`: a forged X-Forwarded-For would be believed. */
const trustProxy = z
  .string()
  .transform((text) =>
    text === 'false' ? false : /^\d{1,2}$/.test(text) ? Number(text) : text.split(',').map((network) => network.trim()),
  )
  .refine(
    (trusted) => !Array.isArray(trusted) || trusted.every((network) => namedNetworks.has(network) || isNetwork(network)),
    'the number of proxies in front, or their addresses or subnets, separated by commas',
  )

const rates = (keys: readonly LimitKey[]) => {
  const example = keys.length > 1 ? `, or one for each: 3/h per ${keys[0]}, 5/min per ${keys[1]}` : ''
  return z.string().transform((text, context): Partial<Record<LimitKey, Rate>> => {
    const parsed = parseRates(text, keys)
    if (parsed) return parsed
    context.addIssue(`a rate such as 5/min, 3/h, 100/15min or 20/s burst 60${example}`)
    return z.NEVER
  })
}

const smsTemplate = z.string().transform((text, context) => {
  const template = parseSmsTemplate(text)
  if (template !== undefined) return template
  context.addIssue('JSON with {{to}} and {{text}} in its texts')
  return z.NEVER
})

/** What a mail says it comes from: one address, with or without a name before it. */
const sender = z
  .string()
  .regex(
    /^(?:[^<>@"\\\p{Cc}]+ <[^\s<>@,;:"]+@[^\s<>@,;:"]+>|[^\s<>@,;:"]+@[^\s<>@,;:"]+)$/u,
    'an address such as Heliograph <noreply@chat.example.com>',
  )

const defaultCodeText = '{{code}} is your {{app}} code. It is good for {{minutes}} minutes. Give it to nobody.'

/** Texts separated by commas; none when empty. */
const listOf = (each: RegExp, expected: string) =>
  z
    .string()
    .transform((text) => text.split(',').map((item) => item.trim()))
    .pipe(z.array(z.string().regex(each, expected)))
    .default([])

const appScheme = z
  .string()
  .regex(/^[a-z][a-z0-9+.-]*$/, 'a scheme such as heliograph')
  .refine((scheme) => !/^(https?|javascript|data|file|blob|vbscript|about)$/.test(scheme), 'not a scheme of an app')

const variable = <S extends z.ZodType>(
  section: string,
  about: string,
  example: string,
  schema: S,
  extra: { secret?: true } = {},
): Variable<S> => ({
  section,
  about,
  example,
  schema,
  ...extra,
})

const limitVariables = Object.fromEntries(
  limitNames.map((name) => {
    const { rate, by, about } = limitRow(name)
    return [`LIMIT_${name.toUpperCase()}`, variable('Limits', about, rate, rates(by).optional())]
  }),
) as { [Name in LimitName as `LIMIT_${Uppercase<Name>}`]: Variable<z.ZodOptional<ReturnType<typeof rates>>> }

/** Every variable that the server reads, in the order of `.env.example`. */
export const variables = {
  NODE_ENV: variable(
    'Server',
    'development, test or production',
    'development',
    z.enum(['development', 'test', 'production']).default('development'),
  ),
  HOST: variable('Server', 'The address to listen on; 0.0.0.0 for all', '127.0.0.1', z.string().default('127.0.0.1')),
  PORT: variable('Server', 'The port to listen on; 0 for any free one', '3000', integer(0, 65_535).default(3000)),
  API_URL: variable(
    'Server',
    'Where clients reach the API from outside',
    'http://localhost:3000',
    url(/^https?:\/\/\S+$/, 'https://chat.example.com').optional(),
  ),
  TLS_CERT_FILE: variable(
    'Server',
    'The server itself speaks TLS with this certificate and its chain, a PEM file such as /etc/heliograph/tls/fullchain.pem; another put in its place is used from then on. Unset where a proxy speaks TLS',
    '',
    z.string().optional(),
  ),
  TLS_KEY_FILE: variable('Server', 'The key of TLS_CERT_FILE, a PEM file', '', z.string().optional()),
  HTTP_REDIRECT_PORT: variable(
    'Server',
    'With TLS_CERT_FILE: who comes to this port (80) over HTTP is sent to where TLS is spoken',
    '',
    integer(0, 65_535).optional(),
  ),
  ACME_WEBROOT: variable(
    'Server',
    'With HTTP_REDIRECT_PORT: served there is what certbot --webroot puts into this folder (/var/www/certbot) to prove that the name is ours',
    '',
    z.string().optional(),
  ),
  TRUST_PROXY: variable(
    'Server',
    'Which proxies in front are believed whom they ask for (X-Forwarded-For): their addresses or networks, loopback, uniquelocal; or how many there are. Behind nginx on the same machine: loopback',
    'false',
    trustProxy.default(false),
  ),
  CORS_ORIGIN: variable(
    'Server',
    'Origins of web clients, separated by commas; none when empty',
    'https://chat.example.com',
    origins.default([]),
  ),
  ALLOWED_HOSTS: variable(
    'Server',
    'Hosts that requests may be sent for, separated by commas; any when empty. Health and metrics are asked by address',
    'chat.example.com',
    hosts.default([]),
  ),
  API_DOCS: variable(
    'Server',
    'true or false: serve /docs and /openapi.json; where unset, everywhere but in production',
    'true',
    yesOrNo.optional(),
  ),
  LOG_LEVEL: variable(
    'Server',
    'fatal, error, warn, info, debug, trace or silent',
    'info',
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ),
  LOG_FILE: variable(
    'Server',
    'Where the log is appended to in place of the standard output; several workers may share it. SIGUSR2 has it opened anew once it was renamed',
    '/var/log/heliograph/chat-api.log',
    z
      .string()
      .refine((path) => !path.includes('\0'), 'a file')
      .optional(),
  ),
  APP_VERSION: variable('Server', 'What /health calls this version', '0.1.0', z.string().max(64).default('0.1.0')),

  METRICS_PORT: variable(
    'Server',
    'With several workers: each answers GET /metrics at this port plus its number. Without it a worker that is alone answers at PORT',
    '9464',
    integer(0, 65_000).optional(),
  ),
  METRICS_CERT_FILE: variable(
    'Server',
    'The certificate whose expiry /metrics tells, a PEM file, where it is not TLS_CERT_FILE: a proxy’s',
    '/etc/letsencrypt/live/chat.example.com/fullchain.pem',
    z.string().optional(),
  ),
  METRICS_HOST: variable('Server', 'The address that METRICS_PORT listens on, where it is not HOST', '', z.string().optional()),

  OTEL_EXPORTER_OTLP_ENDPOINT: variable(
    'Tracing and errors',
    'Traces go to this receiver of OpenTelemetry, over HTTP; none are made where unset',
    'http://127.0.0.1:4318',
    url(/^https?:\/\/[^\s?#]+$/, 'http://127.0.0.1:4318').optional(),
  ),
  OTEL_EXPORTER_OTLP_HEADERS: variable(
    'Tracing and errors',
    'What the receiver wants to be sent: name=value, separated by commas',
    '',
    otlpHeaders,
    { secret: true },
  ),
  OTEL_SERVICE_NAME: variable('Tracing and errors', 'What traces call the service', 'heliograph', z.string().max(64).default('heliograph')),
  OTEL_TRACES_SAMPLER_ARG: variable(
    'Tracing and errors',
    'The share of requests that are traced, 0 to 1',
    '0.1',
    z
      .string()
      .regex(/^(0(\.\d{1,6})?|1)$/, 'a share such as 0.1')
      .default('0.1')
      .transform(Number),
  ),
  SENTRY_DSN: variable(
    'Tracing and errors',
    'Errors that nobody expected are told to this project of Sentry, without headers, cookies and bodies; to nobody where unset',
    '',
    z.url({ protocol: /^https?$/ }).optional(),
    { secret: true },
  ),

  MONGO_URI: variable(
    'MongoDB',
    'Required in production',
    'mongodb://127.0.0.1:27017/heliograph',
    url(/^mongodb(\+srv)?:\/\/\S+$/, 'mongodb://127.0.0.1:27017/heliograph')
      .refine((uri) => !prefersAnother(uri), 'names a read preference; MONGO_READ_PREFERENCE has one for what may be read so')
      .optional(),
    { secret: true },
  ),
  MONGO_POOL_SIZE: variable('MongoDB', 'Connections of one worker', '10', integer(1, 1000).default(10)),
  MONGO_SELECTION_TIMEOUT_MS: variable('MongoDB', 'How long an operation waits for a server', '5000', integer(100, 60_000).default(5000)),
  MONGO_SOCKET_TIMEOUT_MS: variable('MongoDB', 'How long an answer may take', '45000', integer(1000, 600_000).default(45_000)),
  MONGO_READ_PREFERENCE: variable(
    'MongoDB',
    'Where searches of messages, and administrators’ lists of people and reports, are read: primary, primaryPreferred, secondary, secondaryPreferred or nearest. All else is read from the primary',
    'primary',
    z.enum(readPreferences).default('primary'),
  ),

  REDIS_URL: variable(
    'Redis',
    'Needed, or REDIS_SENTINELS or REDIS_CLUSTER, as soon as there is more than one worker; rediss:// for TLS',
    'redis://127.0.0.1:6379',
    redisUrl.optional(),
    { secret: true },
  ),
  REDIS_USERNAME: variable('Redis', 'The ACL user, where it is not in the URL', '', z.string().optional()),
  REDIS_PASSWORD: variable('Redis', 'Where it is not in the URL', '', z.string().optional(), { secret: true }),
  REDIS_CA_FILE: variable(
    'Redis',
    'PEM file of the CA to trust in place of the well-known ones; with REDIS_SENTINELS or REDIS_CLUSTER it turns TLS on',
    '',
    certificateFile.optional(),
  ),
  REDIS_SENTINELS: variable(
    'Redis',
    'In place of REDIS_URL: host:port of every Sentinel, separated by commas',
    '',
    redisAddresses.optional(),
  ),
  REDIS_SENTINEL_NAME: variable('Redis', 'What the Sentinels call the master', 'mymaster', z.string().default('mymaster')),
  REDIS_SENTINEL_PASSWORD: variable('Redis', 'The password of the Sentinels themselves', '', z.string().optional(), { secret: true }),
  REDIS_CLUSTER: variable(
    'Redis',
    'In place of REDIS_URL: host:port of some servers of a Redis Cluster, separated by commas; set REDIS_SHARDS too',
    '',
    redisAddresses.optional(),
  ),
  REDIS_SHARDS: variable(
    'Redis',
    'Over how many parts the events are spread, for a Redis Cluster: the same for all workers; changing it sends every client to fetch all',
    '1',
    integer(1, mostShards).default(1),
  ),
  EVENT_LOG_ENTRIES: variable('Redis', 'Events kept per conversation and per person', '1000', integer(10, 100_000).default(1000)),
  EVENT_LOG_TTL: variable('Redis', 'How long they are kept: who was away longer fetches all', '1h', duration.default(3600)),

  JWT_SECRET: variable('Sign-in', 'Signs access tokens; at least 32 characters: openssl rand -base64 48', '', secret, { secret: true }),
  JWT_PREVIOUS_SECRETS: variable(
    'Sign-in',
    'What JWT_SECRET was before, separated by commas: their tokens stay good. Take them out after ACCESS_TOKEN_TTL',
    '',
    secrets.default([]),
    { secret: true },
  ),
  JWT_ISSUER: variable('Sign-in', 'The iss of access tokens', 'heliograph', z.string().default('heliograph')),
  ACCESS_TOKEN_TTL: variable('Sign-in', 'How long an access token is good', '15m', duration.optional()),
  JWT_EXPIRES_IN: variable('Sign-in', 'Another name for ACCESS_TOKEN_TTL, which wins', '15m', duration.optional()),
  REFRESH_TOKEN_TTL: variable('Sign-in', 'How long a session lives unused', '30d', duration.default(30 * 86_400)),
  SESSION_MAX_TTL: variable('Sign-in', 'How long a session lives at most, however much it is used', '90d', duration.default(90 * 86_400)),
  WEB_SESSION_TTL: variable('Sign-in', 'How long a browser’s session lives unused', '8h', duration.default(8 * 3600)),
  WEB_SESSION_MAX_TTL: variable('Sign-in', 'How long a browser’s session lives at most', '7d', duration.default(7 * 86_400)),
  GEOIP_FILE: variable(
    'Sign-in',
    'A file in MaxMind DB format: tells people where their sessions are; read again when it changes',
    '',
    placesFile.optional(),
  ),
  AUTH_PEPPER: variable(
    'Sign-in',
    'Mixed into password hashes, and seals authenticators; at least 32 characters: openssl rand -base64 48. Change it with AUTH_PREVIOUS_PEPPERS',
    '',
    pepper.optional(),
    { secret: true },
  ),
  AUTH_PREVIOUS_PEPPERS: variable(
    'Sign-in',
    'What AUTH_PEPPER was before, separated by commas, none where there was none: what was hashed with them stays good, and is hashed anew when it is used. Three at most: each makes a wrong password take longer',
    '',
    peppers.default([]),
    { secret: true },
  ),

  APP_NAME: variable('Messages to people', 'What SMS and mails call the service', 'Heliograph', z.string().max(40).default('Heliograph')),
  FRONTEND_URL: variable(
    'Messages to people',
    'Where the links in mails lead: the web client',
    'http://localhost:5173',
    url(/^https?:\/\/[^\s?#]+$/, 'https://chat.example.com').optional(),
  ),
  SMS_PROVIDER: variable(
    'Messages to people',
    'http or sns. Without it no SMS is sent: development shows codes in its terminal',
    'http',
    z.enum(['http', 'sns']).optional(),
  ),
  SMS_CODE_TEXT: variable(
    'Messages to people',
    'The SMS with a code: {{code}}, {{app}} and {{minutes}} are filled in',
    defaultCodeText,
    z
      .string()
      .max(300)
      .refine((text) => text.includes('{{code}}'), 'a text with {{code}} in it')
      .default(defaultCodeText),
  ),
  SMS_HTTP_URL: variable(
    'Messages to people',
    'The gateway of SMS_PROVIDER=http, which takes a POST with JSON',
    'https://sms.example.com/messages',
    url(/^https?:\/\/\S+$/, 'https://sms.example.com/messages').optional(),
  ),
  SMS_HTTP_TOKEN: variable('Messages to people', 'Sent to the gateway as a bearer token', '', z.string().optional(), { secret: true }),
  SMS_HTTP_TEMPLATE: variable(
    'Messages to people',
    'What the gateway is sent',
    '{"to":"{{to}}","text":"{{text}}"}',
    smsTemplate.default({ to: '{{to}}', text: '{{text}}' }),
  ),
  AWS_REGION: variable(
    'AWS',
    'The region of SMS_PROVIDER=sns, of AWS_S3_BUCKET and of SECRETS_MANAGER_ID',
    'eu-central-1',
    z
      .string()
      .regex(/^[a-z0-9-]+$/, 'a region such as eu-central-1')
      .optional(),
  ),
  SECRETS_MANAGER_ID: variable(
    'AWS',
    'A secret in AWS Secrets Manager, a name or an ARN: a JSON object of variables of this file. Read before all else; what the environment sets wins',
    'heliograph/production',
    z.string().max(2048).optional(),
  ),
  AWS_ENDPOINT_URL_SECRETS_MANAGER: variable(
    'AWS',
    'In place of the region’s own Secrets Manager',
    'https://secretsmanager.eu-central-1.amazonaws.com',
    url(/^https?:\/\/\S+$/, 'https://secretsmanager.eu-central-1.amazonaws.com').optional(),
  ),
  AWS_ACCESS_KEY_ID: variable('AWS', 'Where the machine has no role that may do what is needed', '', z.string().optional()),
  AWS_SECRET_ACCESS_KEY: variable('AWS', 'Its secret', '', z.string().optional(), { secret: true }),
  SNS_ENDPOINT: variable(
    'Messages to people',
    'In place of the region’s own',
    'https://sns.eu-central-1.amazonaws.com',
    url(/^https?:\/\/\S+$/, 'https://sns.eu-central-1.amazonaws.com').optional(),
  ),
  AWS_S3_BUCKET: variable(
    'AWS',
    'Where uploads are kept; make it ready with npm run admin -- storage setup',
    'heliograph-uploads',
    bucketName.optional(),
  ),
  UPLOAD_DIR: variable(
    'Uploads',
    'Where uploads are kept without AWS_S3_BUCKET: a folder that all workers share, on one disk',
    '.data/uploads',
    z
      .string()
      .refine((path) => !path.includes('\0'), 'a folder')
      .optional(),
  ),
  AWS_S3_ENDPOINT: variable(
    'AWS',
    'Another S3 than Amazon’s. Clients have to reach it too',
    'https://s3.example.com',
    url(/^https?:\/\/[^\s/?#@]+\/?$/, 'https://s3.example.com').optional(),
  ),
  AWS_S3_FORCE_PATH_STYLE: variable(
    'AWS',
    'true or false: the bucket’s name in the path instead of the host; where unset, with AWS_S3_ENDPOINT',
    'true',
    yesOrNo.optional(),
  ),
  MAX_FILE_SIZE: variable(
    'Uploads',
    'Of one attachment; over 100MB come in parts',
    '10MB',
    bytes(mostFileBytes).default(10 * unitBytes.MB),
  ),
  ALLOWED_FILE_TYPES: variable(
    'Uploads',
    'Media types of attachments, separated by commas; any when empty: none is shown that a browser would run',
    'image/*,video/*,application/pdf',
    listOf(/^[a-z0-9][\w.+-]*\/(\*|[a-z0-9][\w.+-]*)$/, 'media types such as image/* or application/pdf, separated by commas'),
  ),
  UPLOAD_QUOTA: variable('Uploads', 'Of one person, all together', '5GB', bytes(mostQuotaBytes).default(5 * unitBytes.GB)),
  UPLOAD_DAILY: variable('Uploads', 'Of one person in a day (UTC)', '1GB', bytes(mostQuotaBytes).default(unitBytes.GB)),
  SMTP_HOST: variable(
    'Messages to people',
    'The mail server. Without it no mail is sent: development shows mails in its terminal',
    'smtp.example.com',
    z
      .string()
      .regex(/^[\w.:-]+$/, 'a host name or an address')
      .optional(),
  ),
  SMTP_PORT: variable('Messages to people', 'Its port; 465 is TLS from the first byte', '587', integer(1, 65_535).default(587)),
  SMTP_TLS: variable(
    'Messages to people',
    'required, or offered: used where the server has it. Production requires it',
    'required',
    z.enum(['required', 'offered']).optional(),
  ),
  SMTP_USER: variable('Messages to people', 'Where the mail server wants to know who sends', '', z.string().optional()),
  SMTP_PASS: variable('Messages to people', 'Their password', '', z.string().optional(), { secret: true }),
  MAIL_FROM: variable('Messages to people', 'Whom mails come from', 'Heliograph <noreply@chat.example.com>', sender.optional()),
  PHONE_VERIFICATION: variable(
    'Sign-in',
    'Whether who registers must have proved the phone by a code: required (the default in production) or optional',
    'required',
    z.enum(['required', 'optional']).optional(),
  ),
  ACCOUNT_DELETION: variable(
    'Sign-in',
    'What becomes of the messages of who deletes their account: keep, as those of a deleted user, or remove',
    'keep',
    z.enum(['keep', 'remove']).default('keep'),
  ),
  PASSWORD_MIN_LENGTH: variable('Passwords', 'In characters', '12', integer(8, 64).default(12)),
  PASSWORD_MAX_LENGTH: variable('Passwords', 'In characters', '128', integer(64, 512).default(128)),
  PASSWORD_REQUIRE_UPPERCASE: variable('Passwords', 'At least one uppercase letter', 'true', flag.default(true)),
  PASSWORD_REQUIRE_LOWERCASE: variable('Passwords', 'At least one lowercase letter', 'true', flag.default(true)),
  PASSWORD_REQUIRE_DIGITS: variable('Passwords', 'At least one digit', 'true', flag.default(true)),
  PASSWORD_REQUIRE_SPECIAL: variable('Passwords', 'At least one character that is neither', 'true', flag.default(true)),
  PASSWORD_PREVENT_REUSE_COUNT: variable(
    'Passwords',
    'Of so many passwords, the present one among them, none may come again',
    '10',
    integer(0, 24).default(10),
  ),
  PASSWORD_MAX_AGE_DAYS: variable(
    'Passwords',
    'After so many days another one has to be chosen; 0 = never',
    '0',
    integer(0, 3650).default(0),
  ),
  MAX_LOGIN_ATTEMPTS: variable(
    'Passwords',
    'Wrong passwords for an account from an address, then none is judged',
    '5',
    integer(1, 1_000_000).default(5),
  ),
  LOCKOUT_DURATION_MINUTES: variable('Passwords', 'For how long none is judged then', '30', integer(1, 1440).default(30)),
  ADMIN_TOTP: variable(
    'Passwords',
    'Whether administrators must have an authenticator: required or optional',
    'optional',
    z.enum(['required', 'optional']).default('optional'),
  ),

  SECURITY_WEBHOOK_URL: variable(
    'Alerts',
    'Where security alerts are posted, as JSON',
    'https://alerts.example.com/heliograph',
    url(/^https?:\/\/\S+$/, 'https://alerts.example.com/heliograph').optional(),
  ),
  SECURITY_WEBHOOK_SECRET: variable(
    'Alerts',
    'Signs them: X-Heliograph-Signature is t=<seconds>,v1=<hex of the HMAC-SHA256 of "<seconds>.<body>">',
    '',
    secret.optional(),
    { secret: true },
  ),
  SECURITY_ALERT_EMAIL: variable('Alerts', 'Whom they are mailed to', 'security@example.com', z.email().optional()),

  QR_URL: variable(
    'Apps',
    'The page that a sign-in QR code leads to, where it is not API_URL/qr; the token comes behind its #',
    'https://chat.example.com/qr',
    url(/^https?:\/\/[^\s#?]+$/, 'https://chat.example.com/qr').optional(),
  ),
  APP_SCHEME: variable('Apps', 'The page opens the app by links of this scheme', 'heliograph', appScheme.optional()),
  APP_STORE_URL: variable(
    'Apps',
    'Where the page offers the app for iOS',
    'https://apps.apple.com/app/id1234567890',
    url(/^https:\/\/\S+$/, 'https://apps.apple.com/app/id1234567890').optional(),
  ),
  PLAY_STORE_URL: variable(
    'Apps',
    'Where the page offers the app for Android',
    'https://play.google.com/store/apps/details?id=com.example.chat',
    url(/^https:\/\/\S+$/, 'https://play.google.com/store/apps/details?id=com.example.chat').optional(),
  ),
  APPLE_APP_IDS: variable(
    'Apps',
    'Team and bundle ids of apps that iOS opens in place of the page, separated by commas',
    'ABCDE12345.com.example.chat',
    listOf(/^[A-Z0-9]{10}\.[\w.-]+$/, 'ids such as ABCDE12345.com.example.chat, separated by commas'),
  ),
  ANDROID_PACKAGE: variable(
    'Apps',
    'The app that Android opens in place of the page',
    'com.example.chat',
    z
      .string()
      .regex(/^[a-z]\w*(\.[a-z]\w*)+$/i, 'a package such as com.example.chat')
      .optional(),
  ),
  ANDROID_CERT_FINGERPRINTS: variable(
    'Apps',
    'SHA-256 of the certificates that it is signed with, separated by commas',
    Array.from({ length: 32 }, () => 'AB').join(':'),
    listOf(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/, 'SHA-256 fingerprints such as AB:CD:…, 32 bytes each, separated by commas'),
  ),

  SCANNER: variable(
    'Uploads',
    'clamd: ClamAV looks through every upload before anybody gets it, and none is ready while it does not answer. Nothing does where unset',
    'clamd',
    z.enum(['clamd']).optional(),
  ),
  CLAMD_SOCKET: variable(
    'Uploads',
    'The socket that clamd listens on',
    '/run/clamav/clamd.ctl',
    z.string().startsWith('/', 'a path').optional(),
  ),
  CLAMD_HOST: variable(
    'Uploads',
    'In place of the socket, where clamd listens; it knows no passwords and no TLS',
    '',
    z
      .string()
      .regex(/^[\w.:-]+$/, 'a host name or an address')
      .optional(),
  ),
  CLAMD_PORT: variable('Uploads', 'Its port', '3310', integer(1, 65_535).default(3310)),
  SCANNER_TIMEOUT: variable('Uploads', 'How long looking through one upload may take', '60s', duration.default(60)),
  SCANNER_MAX_SIZE: variable(
    'Uploads',
    'In bytes: what is larger is refused. Not more than clamd’s StreamMaxLength and MaxFileSize, and set its AlertExceedsMax: else it calls clean what it did not look through',
    '25000000',
    integer(1, 4_000_000_000).default(25_000_000),
  ),

  BACKUP_DIR: variable(
    'Backups',
    'The folder that `npm run admin -- backup` puts them into',
    '.data/backups',
    z
      .string()
      .refine((path) => !path.includes('\0'), 'a folder')
      .optional(),
  ),
  BACKUP_RECIPIENT: variable(
    'Backups',
    'Whom they are encrypted to: a public key of age, or what gpg knows a key by. Unset, they are not encrypted',
    'age1…',
    z.string().optional(),
  ),
  BACKUP_IDENTITY_FILE: variable('Backups', 'The file of age’s secret key, where backups are restored', '', z.string().optional()),
  BACKUP_S3_BUCKET: variable(
    'Backups',
    'A bucket of their own that they are copied to, by AWS_S3_ENDPOINT, AWS_REGION and the keys of uploads',
    'heliograph-backups',
    bucketName.optional(),
  ),
  BACKUP_S3_PREFIX: variable(
    'Backups',
    'What their keys in it begin with',
    'backups/',
    z
      .string()
      .regex(/^([\w.-]+\/)*$/, 'folders such as backups/')
      .default('backups/'),
  ),
  BACKUP_KEEP_DAILY: variable('Backups', 'Of so many days the newest is kept', '7', integer(0, 3650).default(7)),
  BACKUP_KEEP_WEEKLY: variable('Backups', 'Of so many weeks', '5', integer(0, 520).default(5)),
  BACKUP_KEEP_MONTHLY: variable('Backups', 'Of so many months', '12', integer(0, 120).default(12)),

  RATE_LIMIT_WINDOW_MS: variable(
    'Limits',
    'The window for strangers, unless LIMIT_ANONYMOUS is set',
    '900000',
    integer(1000, 86_400_000).optional(),
  ),
  RATE_LIMIT_MAX_REQUESTS: variable('Limits', 'Requests of a stranger in that window', '100', integer(1, 1_000_000).optional()),
  ...limitVariables,
} satisfies Record<string, Variable>
