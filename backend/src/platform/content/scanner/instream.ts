import { ContentUnavailable } from '../content-errors.js'
import type { Source } from '../source.js'

const lengthBytes = 4

/** What follows clamd's INSTREAM: each chunk behind its length, and an empty one at the end, which is sent where all of the bytes were (clamd(8)). */
export async function* instreamFrames(source: Source, signal: AbortSignal): AsyncGenerator<Buffer> {
  const bytes = await source.read()
  const stop = () => bytes.destroy(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  let count = 0
  try {
    for await (const chunk of bytes as AsyncIterable<Buffer>) {
      if (chunk.length === 0) continue
      count += chunk.length
      yield lengthOf(chunk.length)
      yield chunk
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
  if (count !== source.size) throw new ContentUnavailable('not all of it came to be scanned')
  yield lengthOf(0)
}

const lengthOf = (length: number): Buffer => {
  const bytes = Buffer.alloc(lengthBytes)
  bytes.writeUInt32BE(length)
  return bytes
}
