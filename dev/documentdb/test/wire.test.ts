import { describe, expect, it } from 'vitest'
import { parseRequest, readMessages } from '../gateway/wire.js'

const aMessage = (id: number, bytes: number): Buffer => {
  const message = Buffer.alloc(bytes, id)
  message.writeInt32LE(bytes, 0)
  return message
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const collect = async (stream: AsyncIterable<Buffer>): Promise<Buffer[]> => {
  const messages: Buffer[] = []
  for await (const message of readMessages(stream)) messages.push(message)
  return messages
}

describe('messages', () => {
  const sent = [16, 17, 40, 3000, 16, 100].map((bytes, id) => aMessage(id, bytes))

  it.each([1, 2, 3, 5, 16, 17, 99, 4096])('are the same in pieces of %i bytes', async (size) => {
    expect(await collect(inPieces(Buffer.concat(sent), size))).toEqual(sent)
  })

  it.each([0, 15, -1, 50_000_000])('cannot be %i bytes long', async (length) => {
    const message = Buffer.alloc(16)
    message.writeInt32LE(length, 0)
    await expect(collect(inPieces(message, 16))).rejects.toThrow(RangeError)
  })

  it('cannot have a section that ends outside of them', () => {
    const message = Buffer.alloc(40)
    message.writeInt32LE(40, 0)
    message.writeInt32LE(2013, 12)
    message.writeInt32LE(1000, 21)
    expect(() => parseRequest(message)).toThrow(RangeError)
  })
})
