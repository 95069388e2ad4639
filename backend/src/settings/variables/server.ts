import { isIP } from 'node:net'
import { z } from 'zod'
import { hostPattern } from '../../http/allowed-hosts.js'
import { flag, integer, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

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

export const serverVariables = {
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
    flag.optional(),
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
} satisfies Record<string, Variable>
