import type { Model, Types } from 'mongoose'
import type { MessageDocument } from './model.js'

/** A place in a conversation, of which somebody sees what is from `firstSeq` on. */
export interface Point {
  readonly conversationId: Types.ObjectId
  readonly firstSeq: number
  readonly seq: number
}

interface Newest {
  /** At most this is the newest that is not deleted for all. */
  readonly there: number
  /** The newest that is not deleted for the viewer either; undefined where there is none. */
  readonly seen: number | undefined
}

/** The newest of a conversation's messages that the same people have deleted for themselves. */
interface Row {
  readonly _id: { readonly conversationId: Types.ObjectId; readonly hiddenFor: readonly Types.ObjectId[] }
  readonly seq: number
}

/** How far the first look goes back, and how much farther each that finds nothing. */
const firstLook = 32
const growth = 8

/**
 * What is there below each of these points, past what is deleted. Most often that is near; where a conversation's messages disappear, nothing
 * may be. So each query looks back farther, for all that have found nothing yet.
 * @param points of different conversations @returns by the conversation's id
 */
export const newestBelow = async (
  messages: Model<MessageDocument>,
  points: readonly Point[],
  viewerId: string,
): Promise<ReadonlyMap<string, Newest>> => {
  const found = new Map<string, Newest>()
  let open = points.map((point) => ({ ...point, there: undefined as number | undefined }))
  for (let width = firstLook; open.length > 0; width *= growth) {
    const looked = open.map((each) => ({ ...each, bottom: Math.max(each.firstSeq, each.seq - width) }))
    const rows = await rowsOf(messages, looked)
    open = []
    for (const { bottom, ...point } of looked) {
      const key = point.conversationId.toHexString()
      const of = rows.filter(({ _id }) => _id.conversationId.equals(point.conversationId))
      const seen = newestOf(of.filter(({ _id }) => !_id.hiddenFor.some((userId) => userId.toHexString() === viewerId)))
      const there = point.there ?? newestOf(of)
      if (seen !== undefined || bottom <= point.firstSeq) found.set(key, { there: there ?? bottom - 1, seen })
      else open.push({ ...point, there, seq: bottom })
    }
  }
  return found
}

const newestOf = (rows: readonly Row[]): number | undefined => (rows.length === 0 ? undefined : Math.max(...rows.map(({ seq }) => seq)))

const rowsOf = (messages: Model<MessageDocument>, ranges: readonly (Point & { readonly bottom: number })[]): Promise<Row[]> =>
  messages.aggregate<Row>([
    {
      $match: {
        $or: ranges.map(({ conversationId, bottom, seq }) => ({ conversationId, seq: { $gte: bottom, $lt: seq } })),
        deletedAt: null,
      },
    },
    { $group: { _id: { conversationId: '$conversationId', hiddenFor: { $ifNull: ['$hiddenFor', []] } }, seq: { $max: '$seq' } } },
  ])
