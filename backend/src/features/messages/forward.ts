import type { Types } from 'mongoose'
import { z } from 'zod'
import { Id } from '../../http/ids.js'
import { Problem } from '../../http/problem.js'
import type { Attachment } from './attachments.js'
import type { MessageDocument } from './model.js'

/** Who wrote first what a message passes on, and when. Nothing says where: its readers may not be there. */
export interface Forwarded {
  senderId: Types.ObjectId
  createdAt: Date
}

export const ForwardView = z
  .object({ senderId: Id, createdAt: z.iso.datetime() })
  .meta({ id: 'Forward', description: 'Who wrote first what this message passes on, and when; where is not said' })

/**
 * What a forward of a message says: its words and attachments, and of a forward those of who wrote them first.
 * @param text what the client has said it says, if it has
 * @throws Problem validation_failed for a message without text, and for other words than its own
 */
export const passedOn = (
  message: MessageDocument,
  text?: string,
): { text: string; forwardOf: Forwarded; attachments: readonly Attachment[] } => {
  if (message.text === null) throw invalid('body.forwardOf', 'has no text')
  if (text !== undefined && text !== message.text) throw invalid('body.text', 'what is forwarded says what it said')
  const { senderId, createdAt } = message.forwardOf ?? message
  return { text: message.text, forwardOf: { senderId, createdAt }, attachments: message.attachments ?? [] }
}

export const viewForward = ({ senderId, createdAt }: Forwarded): z.infer<typeof ForwardView> => ({
  senderId: senderId.toHexString(),
  createdAt: createdAt.toISOString(),
})

const invalid = (path: string, message: string): Problem => new Problem('validation_failed', undefined, { errors: [{ path, message }] })
