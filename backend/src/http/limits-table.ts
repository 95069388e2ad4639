/** So many requests in a window, counted as a sliding window. */
export interface Rate {
  readonly points: number
  readonly windowSeconds: number
}

export type LimitKey = 'ip' | 'user' | 'session' | 'account'

interface Row {
  readonly rate: string
  /** Each is counted by itself; the first that is used up refuses. `account` is the phone in the body. */
  readonly by: readonly LimitKey[]
  readonly about: string
}

/** Every limit. An endpoint names its row; `none` is for what must never be refused, such as health. */
export const defaultLimits = {
  anonymous: { rate: '100/15min', by: ['ip'], about: 'Strangers, for what has no row of its own; per IP' },
  api: { rate: '1000/min', by: ['user'], about: 'People who are signed in; per user' },
  login: { rate: '5/min', by: ['ip', 'account'], about: 'Sign-in; per IP and per account' },
  register: { rate: '3/h', by: ['ip'], about: 'New accounts; per IP' },
  refresh: { rate: '10/min', by: ['ip'], about: 'Renewed tokens; per IP' },
  otp: { rate: '3/h', by: ['account'], about: 'Codes sent to a phone; per phone' },
  qr: { rate: '20/min', by: ['ip'], about: 'QR sign-ins that a browser begins or asks about; per IP' },
  service_token: { rate: '50/min', by: ['ip'], about: 'Tokens for machines; per IP' },
  lookup: { rate: '10/h', by: ['user'], about: 'Phone numbers looked up; per user' },
  messages: { rate: '20/s burst 60', by: ['user'], about: 'Sent and edited messages, not counted in LIMIT_API; per user' },
  streams: { rate: '30/min', by: ['session'], about: 'Opened event streams; per session' },
} as const satisfies Record<string, Row>

export type LimitName = keyof typeof defaultLimits
export const limitNames = Object.keys(defaultLimits) as LimitName[]

const unitSeconds = { s: 1, min: 60, h: 3600, d: 86_400 } as const

/**
 * `5/min`, `100/15min`, `20/s burst 60` -> a rate; undefined where the text is none of these.
 * A burst is the same rate over a longer window: 20/s burst 60 is 60 in 3 s.
 */
export const parseRate = (text: string): Rate | undefined => {
  const match = /^(\d{1,7})\/(\d{0,4})(s|min|h|d)(?: burst (\d{1,7}))?$/.exec(text)
  if (!match) return undefined
  const points = Number(match[1])
  const windowSeconds = Number(match[2] || 1) * unitSeconds[match[3] as keyof typeof unitSeconds]
  const burst = Number(match[4] ?? points)
  if (points < 1 || windowSeconds < 1 || burst < points) return undefined
  return { points: burst, windowSeconds: (windowSeconds * burst) / points }
}
