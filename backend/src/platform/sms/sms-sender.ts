export interface Sms {
  /** E.164. */
  readonly to: string
  readonly text: string
}

export interface SmsSender {
  /** Resolves once the provider has taken the message. @throws where it did not in time, or at all; nothing of the message is in the error */
  send(sms: Sms): Promise<void>
}

/** For every provider: so many at once, so many that wait, so long for each with all its attempts. */
export const smsBounds = { what: 'SMS', mostAtOnce: 4, mostWaiting: 1000, deadlineMs: 20_000 }
export const smsPatience = { mostAttempts: 4, firstPauseMs: 500 }

/** What tests make shorter. */
export interface SmsTiming {
  readonly deadlineMs?: number
  readonly firstPauseMs?: number
}
