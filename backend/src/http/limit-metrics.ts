import { Counter, type Registry } from 'prom-client'
import { type LimitName, limitNames } from './limits-table.js'

/** Counts what limits refuse, by the row of the limits table. */
export const countRefusals = (registry: Registry): ((limit: LimitName) => void) => {
  const refusals = new Counter({
    name: 'rate_limit_violations_total',
    help: 'Requests that a limit refused',
    labelNames: ['limit'],
    registers: [registry],
  })
  for (const limit of limitNames) refusals.inc({ limit }, 0) // an increase is seen only from what was there before
  return (limit) => refusals.inc({ limit })
}
