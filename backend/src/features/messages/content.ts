import { createHash } from 'node:crypto'
import { Problem } from '../../http/problem.js'
import type { Memberships } from '../conversations/index.js'
import type { UploadUses } from '../uploads/index.js'
import { attachmentOf } from './attachments.js'
import { passedOn } from './forward.js'
import { mentionsIn } from './mentions.js'
import type { MessageDocument } from './model.js'
import { referenceTo } from './reply.js'
import type { SendMessage } from './schema.js'

/** What a message says. */
type Content = Pick<MessageDocument, 'text' | 'attachments' | 'replyTo' | 'forwardOf' | 'mentions'>

interface Dependencies {
  readonly memberships: Pick<Memberships, 'areMembers'>
  readonly uploads: Pick<UploadUses, 'attach' | 'passOn'>
  /** A message that the sender may see. @throws Problem not_found, and conflict where it is deleted */
  readonly find: (messageId: string) => Promise<MessageDocument>
}

export const hashOf = (content: unknown): string => createHash('sha256').update(JSON.stringify(content)).digest('base64url')

/** Of all that a client says: a retry says the same. */
export const contentHashOf = ({ text, attachments, replyTo, forwardOf, mentions = [] }: SendMessage): string => {
  const more = {
    replyTo,
    forwardOf,
    attachments,
    ...(mentions.length > 0 && { mentions: mentions.map(({ userId, offset, length }) => [userId, offset, length]) }),
  }
  return JSON.stringify(more) === '{}' ? hashOf([text]) : hashOf([text ?? null, more]) // of a text alone: as before there was more
}

/**
 * What is to be stored of what a client sends.
 * @throws Problem not_found for a message that the sender may not see or, to be replied to, of another conversation; conflict for a deleted one;
 * validation_failed for what is not to be forwarded, attached or mentioned
 */
export const contentOf = async (
  { memberships, uploads, find }: Dependencies,
  senderId: string,
  conversationId: string,
  input: SendMessage,
): Promise<Content> => {
  const repliedTo = input.replyTo === undefined ? undefined : await find(input.replyTo)
  if (repliedTo && repliedTo.conversationId.toHexString() !== conversationId) throw new Problem('not_found', 'No such message')
  const { attachments: passed, ...said } =
    input.forwardOf === undefined ? { text: input.text ?? '', attachments: [] } : passedOn(await find(input.forwardOf), input.text)
  const mentions = await mentionsIn(said.text, input.mentions ?? [], conversationId, memberships)
  const passedIds = passed.map(({ uploadId }) => uploadId.toHexString())
  if (passedIds.length > 0) await uploads.passOn(conversationId, passedIds)
  const attached = input.attachments ? (await uploads.attach(senderId, conversationId, input.attachments)).map(attachmentOf) : passed
  return {
    ...said,
    ...(attached.length > 0 && { attachments: [...attached] }),
    ...(repliedTo && { replyTo: referenceTo(repliedTo) }),
    ...(mentions.length > 0 && { mentions }),
  }
}
