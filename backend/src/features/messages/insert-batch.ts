import { mongo } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { withDeadline } from '../../platform/deadline.js'
import { clientIdIndex, type MessageDocument, seqIndex } from './model.js'

/** Why the first document that was not stored was not: its seq is taken, its clientId is, one of the two, or it is not acceptable. */
type RefusalReason = 'seq-taken' | 'client-id-taken' | 'conflict' | 'refused'

export interface Refusal {
  readonly reason: RefusalReason
  readonly error: Error
}

export interface InsertOutcome {
  /** So many from the front are stored, acknowledged by a majority. */
  readonly stored: number
  /** What became of the next one; undefined when all are stored. */
  readonly refusal: Refusal | undefined
}

const duplicateKey = 11000
const writeConflict = 112

/**
 * Stores messages in order, up to the first that the database refuses.
 * @throws Problem service_unavailable where it is not known, or not promised by a majority, what is stored
 */
export const insertBatch = async (
  messages: mongo.Collection<MessageDocument>,
  documents: MessageDocument[],
  deadlineMs: number,
): Promise<InsertOutcome> => {
  try {
    const inserting = messages.insertMany(documents, {
      ordered: true,
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: deadlineMs },
      maxTimeMS: deadlineMs,
    })
    await withDeadline(inserting, deadlineMs, 'storing messages')
    return { stored: documents.length, refusal: undefined }
  } catch (error) {
    const outcome = error instanceof mongo.MongoBulkWriteError ? outcomeOf(error) : undefined
    if (outcome) return outcome
    throw new Problem('service_unavailable', 'It is not known whether the message was stored; send it again', { cause: error })
  }
}

/** What a bulk error says for certain; undefined where it only wraps that the connection or the majority was lost. */
const outcomeOf = (error: mongo.MongoBulkWriteError): InsertOutcome | undefined => {
  if (error.result.getWriteConcernError()) return undefined
  const [writeError] = [error.writeErrors].flat()
  if (writeError) return { stored: error.insertedCount, refusal: { reason: reasonOf(writeError), error } }
  return error.code === writeConflict ? { stored: 0, refusal: { reason: 'conflict', error } } : undefined
}

const reasonOf = (error: mongo.WriteError): RefusalReason => {
  if (error.code === writeConflict) return 'conflict'
  if (error.code !== duplicateKey) return 'refused'
  const index = /index: (\S+)/.exec(error.errmsg ?? '')?.[1]
  if (index === seqIndex) return 'seq-taken'
  return index === clientIdIndex ? 'client-id-taken' : 'conflict'
}
