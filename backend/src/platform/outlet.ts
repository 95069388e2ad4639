import type { Mailer } from './mail/mailer.js'
import type { SmsSender } from './sms/sms-sender.js'

/** A message that was sent to nobody: whoever develops reads it. */
export interface ShownMessage {
  readonly kind: 'SMS' | 'Mail'
  readonly to: string
  readonly text: string
}

/** Where such messages are shown in place of being sent. Never the log, which may be kept and read by many. */
export type Outlet = (message: ShownMessage) => void

export const terminalOutlet: Outlet = ({ kind, to, text }) => {
  process.stdout.write(`\n  ${kind} to ${to}\n${text.replaceAll(/^/gm, '  | ')}\n\n`)
}

export const outletSms = (outlet: Outlet): SmsSender => ({
  async send({ to, text }) {
    outlet({ kind: 'SMS', to, text })
  },
})

export const outletMailer = (outlet: Outlet): Mailer => ({
  async send({ to, subject, text }) {
    outlet({ kind: 'Mail', to, text: `${subject}\n\n${text}` })
  },
})
