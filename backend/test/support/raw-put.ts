import { once } from 'node:events'
import { request } from 'node:http'

interface Answer {
  readonly status: number
  readonly body: string
}

/** A PUT whose headers are what a test says, true or not; a body without a length goes in chunks. */
export const rawPut = async (url: string, headers: Readonly<Record<string, string>>, body: Iterable<Uint8Array>): Promise<Answer> => {
  const asking = request(url, { method: 'PUT', headers, agent: false })
  const answered = new Promise<Answer>((resolve, reject) => {
    asking.once('error', reject)
    asking.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.once('error', reject)
    })
  })
  const done = answered.finally(() => asking.destroy())
  done.catch(() => undefined)
  for (const chunk of body) {
    if (asking.destroyed || asking.writableEnded) break
    if (!asking.write(chunk)) await Promise.race([once(asking, 'drain'), done.catch(() => undefined)])
  }
  if (!asking.destroyed) asking.end()
  return done
}
