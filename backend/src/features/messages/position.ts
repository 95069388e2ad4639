import { z } from 'zod'
import { decodeCursor } from '../../http/page.js'
import type { ListMessages } from './schema.js'

const Seq = z.int().min(0)
const Milliseconds = z.int().min(0).max(8.64e15)

/**
 * Where a page begins. `before`, `after`: a seq. `pending`: among the messages that have something to tell, after a seq; since when the changes are
 * asked for. `changed`: among the others, after the time of a change, by the database's clock, and the seq of what changed then.
 */
export const Position = z.union([z.tuple([z.enum(['before', 'after']), Seq]), z.tuple([z.enum(['pending', 'changed']), Milliseconds, Seq])])
export type Position = z.infer<typeof Position>

/** @throws Problem validation_failed for a bad cursor */
export const positionOf = ({ cursor, beforeSeq, afterSeq, aroundSeq, changedSince, limit }: ListMessages): Position => {
  if (cursor !== undefined) return decodeCursor(Position, cursor)
  if (changedSince !== undefined) return ['pending', changedSince.getTime(), 0]
  if (aroundSeq !== undefined) return ['after', Math.max(0, aroundSeq - 1 - Math.floor(limit / 2))] // seqs have no gaps
  return afterSeq === undefined ? ['before', beforeSeq ?? Number.MAX_SAFE_INTEGER] : ['after', afterSeq]
}
