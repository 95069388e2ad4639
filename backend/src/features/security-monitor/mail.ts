import type { Mailer } from '../../platform/mail/mailer.js'
import type { AlertOutlet } from './alert.js'

export const mailOutlet =
  (mailer: Mailer, to: string): AlertOutlet =>
  ({ kind, about, key, count, at }) =>
    mailer.send({
      kind: 'ALERT',
      to,
      subject: `Security alert: ${about}`,
      text: `${about}.\n\nKind: ${kind}\nOf: ${key}\nIn the last hour: ${count}\nAt: ${at}\n`,
    })
