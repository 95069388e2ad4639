import { mongo } from 'mongoose'
import { Problem } from '../../http/problem.js'
import { withDeadline } from '../../platform/deadline.js'
import { clientIdIndex, type MessageDocument, seqIndex } from './model.js'

/** Why a document was not stored: its seq is taken, its clientId is, one of the two, or it is not acceptable. */
type RefusalReason = 'seq-taken' | 'client-id-taken' | 'conflict' | 'refused'

export interface Refusal {
  /** Which document. */
  readonly index: number
  readonly reason: RefusalReason
  readonly error: Error
}

/** Of the first `tried` documents all are stored, acknowledged by a majority, but the refused ones. */
export interface InsertOutcome {
  readonly tried: number
  readonly refusals: readonly Refusal[]
}

const duplicateKey = 11000
const writeConflict = 112

/**
 * Stores messages: in order, up to the first that the database refuses, or, `ordered: false`, each for itself.
 * @throws Problem service_unavailable where it is not known, or not promised by a majority, what is stored
 */
export const insertBatch = async (
  messages: mongo.Collection<MessageDocument>,
  documents: MessageDocument[],
  options: { ordered: boolean; deadlineMs: number },
): Promise<InsertOutcome> => {
  const { ordered, deadlineMs } = options
  try {
    const inserting = messages.insertMany(documents, {
      ordered,
      writeConcern: { w: 'majority', journal: true, wtimeoutMS: deadlineMs },
      maxTimeMS: deadlineMs,
    })
    await withDeadline(inserting, deadlineMs, 'storing messages')
    return { tried: documents.length, refusals: [] }
  } catch (error) {
    const outcome = error instanceof mongo.MongoBulkWriteError ? outcomeOf(error, ordered, documents.length) : undefined
    if (outcome) return outcome
    throw new Problem('service_unavailable', 'It is not known whether the message was stored; send it again', { cause: error })
  }
}

/** What a bulk error says for certain; undefined where it only wraps that the connection or the majority was lost. */
const outcomeOf = (error: mongo.MongoBulkWriteError, ordered: boolean, count: number): InsertOutcome | undefined => {
  if (error.result.getWriteConcernError()) return undefined
  const refusals = [error.writeErrors].flat().map((writeError) => ({ index: writeError.index, reason: reasonOf(writeError), error }))
  const [first] = refusals
  if (first) return { tried: ordered ? first.index + 1 : count, refusals }
  return error.code === writeConflict ? { tried: 1, refusals: [{ index: 0, reason: 'conflict', error }] } : undefined
}

const reasonOf = (error: mongo.WriteError): RefusalReason => {
  if (error.code === writeConflict) return 'conflict'
  if (error.code !== duplicateKey) return 'refused'
  const index = /index: (\S+)/.exec(error.errmsg ?? '')?.[1]
  if (index === seqIndex) return 'seq-taken'
  return index === clientIdIndex ? 'client-id-taken' : 'conflict'
}
