import type { Types } from 'mongoose'
import { z } from 'zod'
import { Id, toObjectId } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Memberships } from '../conversations/index.js'

export const mostMentions = 50

/** A member who is named in a text. */
export interface Mention {
  userId: Types.ObjectId
  /** In UTF-16 code units, as `length`. */
  offset: number
  length: number
}

const MentionOf = z.strictObject({
  userId: Id,
  offset: z.int().min(0).meta({ description: 'Where it begins in the text, in UTF-16 code units of the text in NFC' }),
  length: z.int().min(1).meta({ description: 'In UTF-16 code units' }),
})
type MentionOf = z.infer<typeof MentionOf>

const stand = (mentions: readonly MentionOf[]): MentionOf[] => mentions.toSorted((a, b) => a.offset - b.offset)

const overlap = (mentions: readonly MentionOf[]): boolean => {
  let end = Number.NEGATIVE_INFINITY
  for (const { offset, length } of stand(mentions)) {
    if (offset < end) return true
    end = offset + length
  }
  return false
}

/** Who is mentioned where; in the order of the text, whichever they come in. */
export const Mentions = z
  .array(MentionOf)
  .max(mostMentions, `at most ${mostMentions}`)
  .refine((mentions) => !overlap(mentions), 'two at one place')
  .transform(stand)

export const MentionView = MentionOf.meta({ id: 'Mention' })

export const viewMention = ({ userId, offset, length }: Mention): MentionOf => ({ userId: userId.toHexString(), offset, length })

/** A text's own, not half of a character. */
const isWithin = (text: string, { offset, length }: Pick<Mention, 'offset' | 'length'>): boolean =>
  offset + length <= text.length && !isInsidePair(text, offset) && !isInsidePair(text, offset + length)

/** The text is well-formed: what follows a high surrogate is a low one. */
const isInsidePair = (text: string, unit: number): boolean => {
  const code = text.charCodeAt(unit)
  return code >= 0xdc00 && code <= 0xdfff
}

/** @throws Problem validation_failed where one is not within the text, or its person is no member */
export const mentionsIn = async (
  text: string,
  mentions: readonly MentionOf[],
  conversationId: string,
  memberships: Pick<Memberships, 'areMembers'>,
): Promise<Mention[]> => {
  const outside = mentions.findIndex((mention) => !isWithin(text, mention))
  if (outside >= 0) throw invalid(`body.mentions.${outside}`, 'not within the text')
  const userIds = [...new Set(mentions.map(({ userId }) => userId))]
  if (userIds.length > 0 && !(await memberships.areMembers(userIds, conversationId)))
    throw invalid('body.mentions', 'somebody who is no member')
  return mentions.map(({ userId, offset, length }) => ({ userId: toObjectId(userId), offset, length }))
}

/** Those whose place still says the same in another text. */
export const keptMentions = (mentions: readonly Mention[], before: string, after: string): Mention[] =>
  mentions.filter(({ offset, length }) => before.slice(offset, offset + length) === after.slice(offset, offset + length))

export const areSame = (some: readonly Mention[], others: readonly Mention[]): boolean =>
  some.length === others.length &&
  some.every(({ userId, offset, length }, n) => {
    const other = others[n]
    return other !== undefined && other.userId.equals(userId) && other.offset === offset && other.length === length
  })

const invalid = (path: string, message: string): Problem => new Problem('validation_failed', undefined, { errors: [{ path, message }] })
