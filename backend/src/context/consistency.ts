import { ConsistencyService, Stored } from '../features/consistency/index.js'
import type { Base } from './base.js'
import type { Messaging } from './messaging.js'
import type { Security } from './security.js'
import type { ContextTiming } from './timing.js'

/** What finds out whether conversations are what their messages say. */
export const createConsistency = (
  { collection, leases: { worker } }: Base,
  { audit }: Security,
  { heads }: Messaging,
  { consistency }: ContextTiming,
) => ({
  consistency: new ConsistencyService({
    stored: new Stored({ collection, heads }),
    audit,
    worker,
    ...consistency,
  }),
})
