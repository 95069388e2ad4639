import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Logger } from './logger.js'

const defaultLookEveryMs = 10_000
const dayMs = 86_400_000
/** Certificates are renewed 30 days before they end: one that has half of that left was not. */
const soonMs = 15 * dayMs

/** Where a certificate with its chain, and its key, are: PEM. */
export interface CertificatePaths {
  readonly certificate: string
  readonly key: string
}

/** What TLS is spoken with. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  readonly expiresAt: Date
}

/** What is wrong with a certificate or its key, by the variable that names the file; never what is in it. */
export class CertificateFault extends Error {
  override readonly name = 'CertificateFault'
}

const read = (variable: string, path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new CertificateFault(`${variable}: cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

const orFault = <T>(parse: () => T, fault: string): T => {
  try {
    return parse()
  } catch {
    throw new CertificateFault(fault) // without the cause, which may quote the key
  }
}

/** @throws CertificateFault where they cannot be read, or used together */
export const readCertificate = (paths: CertificatePaths): Certificate => {
  const [cert, key] = [read('TLS_CERT_FILE', paths.certificate), read('TLS_KEY_FILE', paths.key)]
  const certificate = orFault(() => new X509Certificate(cert), 'TLS_CERT_FILE: holds no certificate in PEM format')
  const privateKey = orFault(() => createPrivateKey(key), 'TLS_KEY_FILE: holds no key in PEM format, or one with a passphrase')
  if (!certificate.checkPrivateKey(privateKey)) throw new CertificateFault('TLS_KEY_FILE: is not the key of TLS_CERT_FILE')
  orFault(() => createSecureContext({ cert, key }), 'TLS_CERT_FILE: cannot be used; the certificate is followed by what is no chain')
  return { cert, key, expiresAt: new Date(certificate.validTo) }
}

/** What an operator should know of a certificate that can be used; undefined where there is nothing. */
export const certificateWarning = ({ expiresAt }: Certificate, now = Date.now()): string | undefined => {
  const leftMs = expiresAt.getTime() - now
  if (leftMs > soonMs) return undefined
  return leftMs <= 0
    ? `TLS_CERT_FILE: expired at ${expiresAt.toISOString()}: clients refuse it`
    : `TLS_CERT_FILE: expires at ${expiresAt.toISOString()}, and was not renewed`
}

interface Options {
  readonly paths: CertificatePaths
  readonly logger: Logger
  /** Told of each certificate that comes after the first. */
  readonly use: (certificate: Certificate) => void
  readonly lookEveryMs?: number | undefined
}

/** A certificate that is renewed while it is used: what is put into its files' place is taken by itself, if it can be used. */
export class CertificateFiles {
  /** As it was when this was made. */
  readonly first: Certificate
  readonly #options: Options
  readonly #timer: NodeJS.Timeout
  #used: Certificate
  #refused: string | undefined

  /** @throws CertificateFault */
  constructor(options: Options) {
    this.#options = options
    this.first = readCertificate(options.paths)
    this.#used = this.first
    this.#timer = setInterval(() => this.#look(), options.lookEveryMs ?? defaultLookEveryMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** By content, not by time: a link that leads elsewhere, as certbot and Kubernetes renew, counts too. */
  #look(): void {
    const { paths, logger, use } = this.#options
    try {
      const found = readCertificate(paths)
      this.#refused = undefined
      if (found.cert === this.#used.cert && found.key === this.#used.key) return
      use(found)
      this.#used = found
      logger.info({ expiresAt: found.expiresAt }, 'another certificate is used from now on')
    } catch (error) {
      if (!(error instanceof CertificateFault)) throw error
      if (error.message === this.#refused) return
      this.#refused = error.message
      logger.warn(
        { fault: error.message, expiresAt: this.#used.expiresAt },
        'the certificate in the files is not used; the former one stays',
      )
    }
  }
}
