import type { Request, Response } from 'express'
import { Problem } from '../../http/problem.js'
import { AlreadyThere } from '../../platform/storage/local-gate.js'
import { UnexpectedBytes } from '../../platform/storage/local-writing.js'
import { type Incoming, UnderWay } from '../../platform/storage/one-at-a-time.js'
import { StorageRefusal, StorageUnavailable } from '../../platform/storage/storage.js'

/** A client that sends nothing for so long is cut off. */
const stalledMs = 60_000
/** So long one that is refused in the middle of its body has to read why, before it is cut off. */
const lingerMs = 1000
/** By then one whose client is gone has given way. */
const underWayRetrySeconds = 5

/**
 * Hands on a body of exactly so many bytes as it comes.
 * @param size in bytes
 * @throws Problem for what it is not, and for what `work` refuses it for
 */
export const receiveBody = async <T>(
  request: Request,
  response: Response,
  size: number,
  work: (body: Incoming) => Promise<T>,
): Promise<T> => {
  response.setTimeout(stalledMs, () => request.destroy())
  try {
    const said = request.headers['content-length']
    if (said !== undefined && Number(said) !== size) throw new UnexpectedBytes(Number(said) > size ? 'more' : 'fewer')
    return await work(incomingOf(request))
  } catch (error) {
    response.once('finish', () => cutOff(request))
    throw problemOf(error, request, size)
  }
}

const incomingOf = (request: Request): Incoming => ({
  [Symbol.asyncIterator]: () => request.iterator({ destroyOnReturn: false }), // the answer has to go out first
  destroy: () => void request.destroy(),
})

/** What is still to come of a body is not waited for. */
const cutOff = (request: Request): void => {
  if (request.complete) return
  const { socket } = request
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  request.once('close', () => clearTimeout(timer))
  request.resume()
}

const problemOf = (error: unknown, request: Request, size: number): unknown => {
  if (error instanceof UnexpectedBytes) return unexpected(error, size)
  if (error instanceof AlreadyThere) return new Problem('conflict', 'It has been uploaded before')
  if (error instanceof UnderWay)
    return new Problem('conflict', 'Another request is sending it', { retryAfterSeconds: underWayRetrySeconds })
  if (error instanceof StorageRefusal) return new Problem('not_found', 'The upload was completed or aborted')
  if (error instanceof StorageUnavailable) return new Problem('service_unavailable', 'Files cannot be kept right now', { cause: error })
  return request.destroyed && !request.complete ? new Problem('validation_failed', 'The body ended early', { cause: error }) : error
}

const unexpected = ({ reason }: UnexpectedBytes, size: number): Problem => {
  if (reason === 'more') return new Problem('payload_too_large', `The body has more than the ${size} bytes that were said`)
  if (reason === 'fewer') return new Problem('validation_failed', `The body has fewer than the ${size} bytes that were said`)
  return new Problem('validation_failed', 'The body is not the one whose SHA-256 was said')
}
