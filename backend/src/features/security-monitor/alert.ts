import type { Rule } from './rules.js'

/** What whoever looks after the service is told. */
export interface SecurityAlert {
  readonly kind: Rule['kind']
  readonly about: string
  /** The address, the person's id, or `all`. */
  readonly key: string
  /** How often in the last hour, counted up to one more than what is allowed. */
  readonly count: number
  readonly at: string
}

/** One way in which an alert goes out. @throws where it did not in time, or at all */
export type AlertOutlet = (alert: SecurityAlert) => Promise<void>
