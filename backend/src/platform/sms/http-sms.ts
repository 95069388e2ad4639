import { type KeyObject, randomUUID } from 'node:crypto'
import { BoundedWork } from '../bounded-work.js'
import { PassingError, retry } from '../retry.js'
import { fillSmsTemplate, type SmsTemplate } from './http-template.js'
import { type Sms, type SmsSender, type SmsTiming, smsBounds, smsPatience } from './sms-sender.js'

export interface HttpSmsSettings {
  readonly provider: 'http'
  readonly url: string
  /** Sent as a bearer token. */
  readonly token: KeyObject | undefined
  readonly template: SmsTemplate
}

/** Sends SMS through a gateway that takes JSON by POST. */
export class HttpSmsSender implements SmsSender {
  readonly #settings: HttpSmsSettings
  readonly #work: BoundedWork
  readonly #patience: typeof smsPatience
  constructor(settings: HttpSmsSettings, timing: SmsTiming = {}) {
    this.#settings = settings
    this.#work = new BoundedWork({ ...smsBounds, ...timing })
    this.#patience = { ...smsPatience, ...timing }
  }

  send(sms: Sms): Promise<void> {
    const messageId = randomUUID()
    return this.#work.run((signal) => retry(() => this.#post(sms, messageId, signal), this.#patience, signal))
  }

  /** Lets what was begun come to its end. */
  close(): Promise<void> {
    return this.#work.settled()
  }

  async #post(sms: Sms, messageId: string, signal: AbortSignal): Promise<void> {
    const { url, token, template } = this.#settings
    const headers = {
      'Content-Type': 'application/json',
      'Idempotency-Key': messageId, // a gateway that knows it sends no second message where its answer was lost
      ...(token && { Authorization: `Bearer ${token.export().toString('utf8')}` }),
    }
    const request = { method: 'POST', headers, body: fillSmsTemplate(template, sms), redirect: 'error', signal } as const
    const response = await fetch(url, request).catch((error: unknown) => {
      throw signal.aborted ? error : new PassingError('The SMS gateway cannot be reached', { cause: error })
    })
    await response.body?.cancel() // it may repeat the message
    if (response.ok) return
    const message = `The SMS gateway answered ${response.status}`
    throw response.status === 429 || response.status >= 500 ? new PassingError(message) : new Error(message)
  }
}
