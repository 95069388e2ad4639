/** What is counted: an address, a person, a session, an account that is named by its phone or e-mail, a phone, a token's session, a machine's key. */
export type LimitKey = 'ip' | 'user' | 'session' | 'account' | 'phone' | 'family' | 'apiKey'

interface Row {
  /** A rate, or one for each key: see `parseRates`. */
  readonly rate: string
  /** Each is counted by itself; the first that is used up refuses. */
  readonly by: readonly LimitKey[]
  /** Guards a secret: Redis is asked at each call. The others count in memory, and workers tell each other every second. */
  readonly guards?: true
  readonly about: string
}

/** Every limit. An endpoint names its row; `none` is for what must never be refused, such as health. */
export const limitsTable = {
  anonymous: { rate: '100/15min', by: ['ip'], about: 'Strangers, for what has no row of its own; per IP' },
  api: { rate: '1000/min', by: ['user'], about: 'People who are signed in; per user' },
  login: { rate: '5/min', by: ['ip', 'account'], guards: true, about: 'Sign-in; per IP and per account' },
  register: { rate: '3/h', by: ['ip'], guards: true, about: 'New accounts; per IP' },
  refresh: { rate: '10/min', by: ['family'], guards: true, about: 'Renewed tokens; per session' },
  otp: { rate: '3/h per phone, 10/h per ip', by: ['ip', 'phone'], guards: true, about: 'Codes sent to a phone; per phone and per IP' },
  recovery: {
    rate: '3/h per account, 10/h per ip',
    by: ['ip', 'account'],
    guards: true,
    about: 'Codes and links sent to set a new password, or to prove an e-mail address; per account and per IP',
  },
  qr: { rate: '20/min', by: ['ip'], guards: true, about: 'QR sign-ins that a browser begins or asks about; per IP' },
  service_token: { rate: '50/min', by: ['apiKey'], guards: true, about: 'Tokens for machines; per key' },
  lookup: { rate: '10/h', by: ['user'], guards: true, about: 'Phone numbers looked up; per user' },
  profile: { rate: '60/h', by: ['user'], about: 'Changes of one’s own profile and settings, not counted in LIMIT_API; per user' },
  reports: { rate: '20/h', by: ['user'], about: 'Reports to the administrators, not counted in LIMIT_API; per user' },
  invites: { rate: '30/min', by: ['user'], about: 'Invites accepted, not counted in LIMIT_API; per user' },
  exports: { rate: '10/d', by: ['user'], about: 'Exports of one’s own data, begun and fetched; per user' },
  messages: { rate: '20/s burst 60', by: ['user'], about: 'Sent and edited messages and reactions, not counted in LIMIT_API; per user' },
  search: { rate: '120/min', by: ['user'], about: 'Searches of messages, not counted in LIMIT_API; per user' },
  streams: { rate: '30/min', by: ['session'], about: 'Opened event streams; per session' },
  uploads: { rate: '60/h', by: ['user'], about: 'Uploads begun; per user' },
} as const satisfies Record<string, Row>

export type LimitName = keyof typeof limitsTable
export const limitNames = Object.keys(limitsTable) as LimitName[]

/** The row of a limit, its literal types forgotten. */
export const limitRow = (name: LimitName): Row => limitsTable[name]
