import type { JobTimes } from '../features/jobs/index.js'
import type { PresenceTimes, TypingTimes } from '../features/presence/index.js'
import type { QrTimes } from '../features/qr-login/index.js'
import type { MomentMargins } from '../features/sync/index.js'
import { type Outlet, terminalOutlet } from '../platform/outlet.js'

/** What tests make shorter than it is. */
export interface ContextTiming {
  /** How long an outbox keeps what was told. */
  readonly forgetAfterMs?: number
  readonly consistency?: {
    /** How long a check waits for what may be on its way. */
    readonly patienceMs?: number
  }
  readonly disappearing?: {
    /** How often what is due is looked for. */
    readonly everyMs?: number
  }
  readonly presence?: Partial<PresenceTimes>
  readonly typing?: Partial<TypingTimes>
  readonly sync?: MomentMargins
  /** Where SMS and mails go that no provider is configured for; never used in production. */
  readonly outlet?: Outlet
  readonly sessions?: {
    /** How often it is written down which sessions are in use. */
    readonly seenEveryMs?: number
    /** How often GEOIP_FILE is looked at. */
    readonly placesEveryMs?: number
  }
  readonly jobs?: Partial<JobTimes>
  readonly uploads?: {
    /** How often what nobody needs is looked for. */
    readonly everyMs?: number
    /** How long a worker that is not heard of counts as checking an upload. */
    readonly claimMs?: number
  }
  readonly qr?: Partial<QrTimes> & { readonly lookEvery?: number }
}

export const outletOf = ({ outlet = terminalOutlet }: ContextTiming): Outlet => outlet
