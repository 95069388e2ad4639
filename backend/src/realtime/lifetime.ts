import { encodeFrame } from './catalogue.js'
import type { EventStream } from './stream.js'

/** So long before the end a client is told: time enough for a new access token or ticket. */
const noticeMs = 30_000

/**
 * Ends a stream when its time is over, having told its client before. It comes back as after any other end.
 * @returns what stops the clock: to be called when the stream has ended otherwise
 */
export const startLifetime = (stream: EventStream, lifetimeMs: number): (() => void) => {
  const expiresInMs = Math.max(0, Math.min(lifetimeMs, noticeMs))
  const tell = () => {
    stream.notice(encodeFrame('token.expiring', { type: 'token.expiring', at: new Date().toISOString(), expiresInMs }))
    timer = setTimeout(() => stream.end(), expiresInMs).unref()
  }
  let timer = setTimeout(tell, Math.max(0, lifetimeMs - noticeMs)).unref()
  return () => clearTimeout(timer)
}
