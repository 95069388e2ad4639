/** What a mail is about: a link that proves an address or sets a password, a change that was made, an alert to an operator. */
export const mailKinds = ['VERIFY', 'RESET', 'CHANGE', 'ALERT'] as const

export interface Mail {
  readonly kind: (typeof mailKinds)[number]
  /** One address, and nothing but it. */
  readonly to: string
  readonly subject: string
  /** Plain text. */
  readonly text: string
}

export interface Mailer {
  /** Resolves once the mail server has taken the mail. @throws where it did not in time, or at all; nothing of the mail is in the error */
  send(mail: Mail): Promise<void>
}
