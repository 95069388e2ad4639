import type { KeyObject } from 'node:crypto'
import { createTransport } from 'nodemailer'
import { BoundedWork } from '../bounded-work.js'
import { PassingError, retry } from '../retry.js'
import type { Mail, Mailer } from './mailer.js'

export interface SmtpSettings {
  readonly host: string
  readonly port: number
  readonly auth: { readonly user: string; readonly password: KeyObject } | undefined
  /** `Name <address>` or an address. */
  readonly from: string
  /** Without it, TLS is used where the server offers it. Port 465 is TLS from the first byte. */
  readonly requireTls: boolean
}

interface MailTiming {
  readonly deadlineMs?: number
  readonly firstPauseMs?: number
}

const implicitTlsPort = 465
const bounds = { what: 'mail', mostAtOnce: 2, mostWaiting: 1000 }
const defaultDeadlineMs = 30_000
const defaultFirstPauseMs = 1000
const mostAttempts = 4

/** Sends mail to an SMTP server (RFC 5321), over a few connections that stay open for a while. */
export class SmtpMailer implements Mailer {
  readonly #transport: ReturnType<typeof transportOf>
  readonly #from: string
  readonly #work: BoundedWork
  readonly #firstPauseMs: number
  constructor(settings: SmtpSettings, { deadlineMs = defaultDeadlineMs, firstPauseMs = defaultFirstPauseMs }: MailTiming = {}) {
    this.#transport = transportOf(settings, deadlineMs)
    this.#from = settings.from
    this.#work = new BoundedWork({ ...bounds, deadlineMs })
    this.#firstPauseMs = firstPauseMs
  }

  send(mail: Mail): Promise<void> {
    const patience = { mostAttempts, firstPauseMs: this.#firstPauseMs }
    return this.#work.run((signal) => retry(() => this.#attempt(mail, signal), patience, signal))
  }

  /** Lets what was begun come to its end, then closes the connections. */
  async close(): Promise<void> {
    await this.#work.settled()
    this.#transport.close()
  }

  async #attempt({ to, subject, text }: Mail, signal: AbortSignal): Promise<void> {
    try {
      // An address as an object is taken as it is; a string would be read as a list of them.
      await this.#transport.sendMail({ from: this.#from, to: { name: '', address: to }, subject, text, signal })
    } catch (error) {
      throw withoutMail(error)
    }
  }
}

const transportOf = ({ host, port, auth, requireTls }: SmtpSettings, deadlineMs: number) =>
  createTransport({
    pool: true,
    host,
    port,
    secure: port === implicitTlsPort,
    requireTLS: requireTls,
    maxConnections: bounds.mostAtOnce,
    maxRequeues: 0,
    idleTimeout: 10_000,
    connectionTimeout: deadlineMs,
    greetingTimeout: deadlineMs,
    socketTimeout: deadlineMs,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(auth && { auth: { user: auth.user, pass: auth.password.export().toString('utf8') } }),
  })

/** nodemailer's errors hold addresses and the server's words, which may repeat them: none of that is for the log. */
const withoutMail = (error: unknown): Error => {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown }
  const why = typeof responseCode === 'number' ? `answered ${responseCode}` : `failed (${String(code)})`
  const message = `The mail server ${why}`
  const refusedForGood = typeof responseCode === 'number' && responseCode >= 500
  return refusedForGood || code === 'EAUTH' || code === 'ETLS' || code === 'EABORT' ? new Error(message) : new PassingError(message)
}
