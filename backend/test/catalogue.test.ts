import { describe, expect, it } from 'vitest'
import { encodeEvent } from '../src/realtime/catalogue.js'

const dataOf = (frame: Buffer): unknown => JSON.parse(/^data: (.*)$/m.exec(frame.toString())?.[1] ?? '')
const at = new Date(0).toISOString()
const aMessage = (text: string) => ({ id: 'm', conversationId: 'c', seq: 7, version: 2, text })

describe('an event’s frame', () => {
  it('carries what changed, whole', () => {
    const event = { type: 'message.updated', conversationId: 'c', at, message: aMessage('hello\nthere') } as const
    const frame = encodeEvent(event)
    expect(frame.toString()).toMatch(/^event: message\.updated\ndata: .*\n\n$/)
    expect(dataOf(frame)).toEqual(event)
  })

  it('that would be over 64 KB says what to fetch', () => {
    const frame = encodeEvent({ type: 'message.created', conversationId: 'c', at, message: aMessage('x'.repeat(64 * 1024)) })
    expect(dataOf(frame)).toEqual({
      type: 'message.created',
      conversationId: 'c',
      at,
      message: { id: 'm', conversationId: 'c', seq: 7, version: 2 },
      fetch: true,
    })
  })
})
