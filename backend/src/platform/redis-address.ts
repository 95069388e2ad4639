import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

export interface Address {
  readonly host: string
  readonly port: number
}

interface RedisUrl extends Address {
  readonly tls: boolean
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
}

const defaultPort = 6379
const mostPort = 65_535
const urlForm = /^rediss?:\/\/[^\s?#]+$/
const databasePath = /^\/?(\d{0,4})$/
const addressForm = /^(\[[0-9a-f:.]+\]|[^\s:/@[\]]+):([1-9]\d{0,4})$/i

const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '')

/** @throws URIError where the name or the password is not percent-encoded as it should be */
const parseUrl = (text: string): RedisUrl | undefined => {
  if (!urlForm.test(text) || !URL.canParse(text)) return undefined
  const { protocol, hostname, port, username, password, pathname } = new URL(text)
  const database = databasePath.exec(pathname)?.[1]
  if (hostname === '' || database === undefined) return undefined
  return {
    host: withoutBrackets(hostname),
    port: port === '' ? defaultPort : Number(port),
    tls: protocol === 'rediss:',
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    database: Number(database),
  }
}

const parseAddress = (text: string): Address | undefined => {
  const [, host = '', port] = addressForm.exec(text.trim()) ?? []
  return host === '' || Number(port) > mostPort ? undefined : { host: withoutBrackets(host), port: Number(port) }
}

/** `redis://` or, with TLS, `rediss://`, `[user:password@]host[:port][/database]`; no options after it. */
export const redisUrl = z.string().transform((text, context): RedisUrl => {
  try {
    const parsed = parseUrl(text)
    if (parsed) return parsed
  } catch {
    // as if it were no URL
  }
  context.addIssue('a URL such as redis://127.0.0.1:6379, special characters of a password percent-encoded')
  return z.NEVER
})

/** `host:port`, separated by commas. */
export const redisAddresses = z.string().transform((text, context): readonly Address[] => {
  const parsed = text.split(',').map(parseAddress)
  const addresses = parsed.filter((address) => address !== undefined)
  if (addresses.length === parsed.length) return addresses
  context.addIssue('addresses such as 10.0.0.1:26379, separated by commas')
  return z.NEVER
})

/** The path of a PEM file -> the certificates in it. */
export const certificateFile = z.string().transform((path, context): string => {
  try {
    const pem = readFileSync(path, 'utf8')
    void new X509Certificate(pem) // throws where it is none
    return pem
  } catch (error) {
    context.addIssue(`cannot be read as a certificate (${(error as NodeJS.ErrnoException).code})`)
    return z.NEVER
  }
})

/** Where Redis is and how it is spoken to. */
export interface RedisSettings {
  readonly at:
    | Address
    | { readonly cluster: readonly Address[] }
    | { readonly sentinels: readonly Address[]; readonly name: string; readonly password: string | undefined }
  readonly username: string | undefined
  readonly password: string | undefined
  readonly database: number
  /** `ca`: PEM certificates to trust in place of the well-known ones. */
  readonly tls: { readonly ca: string | undefined } | undefined
}
