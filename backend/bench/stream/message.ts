import { randomUUID } from 'node:crypto'
import { Types } from 'mongoose'
import type { MessageDocument } from '../../src/features/messages/index.js'

const hexOf = (index: number): string => index.toString(16).padStart(8, '0')

/** Ids are made from an index, so that every process knows them. @param world 15 hex digits, another one each time */
export const conversationIdOf = (world: string, index: number): Types.ObjectId =>
  Types.ObjectId.createFromHexString(`c${world}${hexOf(index)}`)
export const userIdOf = (world: string, index: number): Types.ObjectId => Types.ObjectId.createFromHexString(`a${world}${hexOf(index)}`)

/** By a clock that all processes of a machine share. */
export const nowMicroseconds = (): number => Number(process.hrtime.bigint() / 1000n)

/** Stands before `<conversation> <n> <microseconds>.` in an event's JSON. */
export const marker = '"text":"bench '
const textLength = 96

/** The nth message of a conversation, stored a moment ago. Its text tells which it is and when it was made. */
export const aMessage = (world: string, conversation: number, n: number): MessageDocument => {
  const text = `bench ${conversation} ${n} ${nowMicroseconds()}.`.padEnd(
    textLength,
    ' they have seen us, and will answer before the sun is down',
  )
  return {
    _id: new Types.ObjectId(),
    conversationId: conversationIdOf(world, conversation),
    seq: n,
    senderId: userIdOf(world, 0),
    clientId: randomUUID(),
    contentHash: '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU',
    type: 'user',
    text,
    version: 1,
    createdAt: new Date(),
  }
}
