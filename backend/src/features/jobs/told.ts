import type { mongo } from 'mongoose'
import type { Entry } from '../../realtime/log/log.js'
import { type OutboxSource, outboxSource } from '../../realtime/outbox.js'
import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import type { JobDocument } from './model.js'

interface Dependencies {
  readonly collection: () => mongo.Collection<JobDocument>
  /** What is told of a job: each kind's own business. */
  readonly tell: (job: JobDocument, entry: OutboxEntry) => Entry[]
}

/** What people are told of their jobs. */
export const jobSource = ({ collection, tell }: Dependencies): OutboxSource =>
  outboxSource<JobDocument>({
    collection,
    tell,
    baseOf: () => Promise.resolve(0), // these events have no seq
  })
