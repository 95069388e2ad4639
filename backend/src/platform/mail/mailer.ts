export interface Mail {
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
