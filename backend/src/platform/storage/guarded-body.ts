import { Readable } from 'node:stream'
import { withDeadline } from '../deadline.js'
import { messageOf } from '../message-of.js'
import { StorageUnavailable } from './storage.js'

/**
 * A body that comes from elsewhere: it fails with StorageUnavailable where it breaks off, or where nothing comes for so long. The time
 * in which nobody reads does not count.
 */
export const guardedBody = (body: Readable, silenceMs: number): Readable => {
  const chunks = async function* (): AsyncGenerator<Buffer> {
    const source = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    for (;;) {
      const next = await withDeadline(source.next(), silenceMs, 'the next bytes').catch((error: unknown) => {
        throw new StorageUnavailable(`a body broke off (${messageOf(error)})`)
      })
      if (next.done) return
      yield next.value
    }
  }
  const guarded = Readable.from(chunks(), { objectMode: false })
  guarded.once('close', () => body.destroy())
  return guarded
}
