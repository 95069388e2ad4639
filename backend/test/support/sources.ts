import { Readable } from 'node:stream'
import type { Source } from '../../src/platform/content/source.js'

/** What somebody sent, in memory. */
export const aSource = (bytes: Uint8Array | string, contentType: string): Source => {
  const all = Buffer.from(bytes)
  return {
    size: all.length,
    contentType,
    read: async (range) => Readable.from([range ? all.subarray(range.start, range.end + 1) : all], { objectMode: false }),
  }
}
