import { Counter, type Registry } from 'prom-client'
import { type Mailer, mailKinds } from './mailer.js'

/** The same mailer, which counts what was sent and what was not, by what it is about: VERIFY_SENT, RESET_FAILED. */
export const countedMailer = (mailer: Mailer, registry: Registry): Mailer => {
  const events = new Counter({
    name: 'email_events_total',
    help: 'Mails that the mail server took (SENT), or did not (FAILED), by what they are about',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of mailKinds) for (const outcome of ['SENT', 'FAILED']) events.inc({ kind: `${kind}_${outcome}` }, 0)
  return {
    async send(mail) {
      try {
        await mailer.send(mail)
        events.inc({ kind: `${mail.kind}_SENT` })
      } catch (error) {
        events.inc({ kind: `${mail.kind}_FAILED` })
        throw error
      }
    },
  }
}
