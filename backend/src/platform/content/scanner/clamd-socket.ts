import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ContentUnavailable } from '../content-errors.js'

/** Where clamd listens. */
export type ClamdAddress = { readonly path: string } | { readonly host: string; readonly port: number }

const mostAnswerLength = 4096

/**
 * Says something to clamd. It may answer before it has heard all, and then hears no more.
 * @returns its answer, without the NUL at its end @throws ContentUnavailable; what the body throws
 */
export const askClamd = async (at: ClamdAddress, body: AsyncIterable<Buffer>, signal: AbortSignal): Promise<string> => {
  signal.throwIfAborted()
  const socket = connect(at)
  const stop = () => socket.destroy()
  signal.addEventListener('abort', stop, { once: true })
  const answer = answerOf(socket)
  let isOver = false
  const over = answer.catch(() => undefined).finally(() => (isOver = true))
  try {
    for await (const bytes of body) {
      await nextTurn() // an answer is read first: a write that fails would lose it
      if (!isOver && !socket.write(bytes)) await Promise.race([over, new Promise((resolve) => socket.once('drain', resolve))])
      if (isOver) break
    }
    return await answer
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}

const answerOf = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = ''
    const unavailable = (options?: ErrorOptions) => reject(new ContentUnavailable('clamd does not answer', options))
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      answer += text
      const [whole, rest] = answer.split('\0')
      if (rest !== undefined) resolve(whole ?? '')
      else if (answer.length > mostAnswerLength) unavailable()
    })
    socket.on('error', (cause) => unavailable({ cause }))
    socket.on('close', () => unavailable())
  })
