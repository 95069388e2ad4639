import type { Registry } from 'prom-client'
import { countedMailer } from './mail/counted-mailer.js'
import type { Mailer } from './mail/mailer.js'
import { SmtpMailer, type SmtpSettings } from './mail/smtp-mailer.js'
import { type Outlet, outletMailer, outletSms } from './outlet.js'
import { createSms, type SmsSettings } from './sms/create-sms.js'
import type { SmsSender } from './sms/sms-sender.js'

/** How people are reached who are not connected. Undefined where this server cannot. */
export interface Deliveries {
  readonly sms: SmsSender | undefined
  readonly mailer: Mailer | undefined
  /** Lets what was begun come to its end, then closes the connections. */
  close(): Promise<void>
}

/** @param outlet shows what no provider is configured for; undefined where that would tell secrets */
export const createDeliveries = (
  settings: { readonly sms: SmsSettings | undefined; readonly mail: SmtpSettings | undefined },
  outlet: Outlet | undefined,
  registry: Registry,
): Deliveries => {
  const sms = settings.sms && createSms(settings.sms)
  const mailer = settings.mail && new SmtpMailer(settings.mail)
  const sender = mailer ?? (outlet && outletMailer(outlet))
  return {
    sms: sms ?? (outlet && outletSms(outlet)),
    mailer: sender && countedMailer(sender, registry),
    async close() {
      await Promise.all([sms?.close(), mailer?.close()])
    },
  }
}
