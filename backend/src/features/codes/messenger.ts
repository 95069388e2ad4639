import { Problem } from '../../http/problem.js'
import type { Deliveries } from '../../platform/deliveries.js'
import type { Logger } from '../../platform/logger.js'
import type { Mail } from '../../platform/mail/mailer.js'
import type { Sms } from '../../platform/sms/sms-sender.js'

/** Sends in the background: how long it takes, and whether anything is sent, is seen by nobody who waits for an answer. */
export class Messenger {
  readonly #deliveries: Deliveries
  readonly #logger: Logger
  constructor(deps: { readonly deliveries: Deliveries; readonly logger: Logger }) {
    this.#deliveries = deps.deliveries
    this.#logger = deps.logger
  }

  /** @throws Problem service_unavailable where this server sends no SMS */
  requireSms(): void {
    if (!this.#deliveries.sms) throw new Problem('service_unavailable', 'This server sends no SMS')
  }

  /** @throws Problem service_unavailable where this server sends no mail */
  requireMail(): void {
    if (!this.#deliveries.mailer) throw new Problem('service_unavailable', 'This server sends no mail')
  }

  /** Tried for a while; then it is only noted that it could not be sent. Without a provider nothing is sent. */
  sms(sms: Sms): void {
    this.#deliveries.sms?.send(sms).catch((error: unknown) => this.#logger.warn({ err: error }, 'an SMS was not sent'))
  }

  mail(mail: Mail): void {
    this.#deliveries.mailer?.send(mail).catch((error: unknown) => this.#logger.warn({ err: error }, 'a mail was not sent'))
  }
}
