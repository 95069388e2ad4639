import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request as httpsRequest } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { Client } from 'undici'
import { afterEach } from 'vitest'
import type { Nginx } from './nginx.js'
import type { Person } from './people.js'
import { SseClient } from './sse-client.js'

export type Protocol = 'HTTP/1.1' | 'HTTP/2'
export const protocols = ['HTTP/1.1', 'HTTP/2'] as const

const deadlineMs = 30_000
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** An answer as it comes. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly names: readonly string[]
  readonly valueOf: (name: string) => string | undefined
  /** The body as text so far. */
  readonly body: () => string
  /** The body to its end. */
  readonly whole: () => Promise<string>
  readonly end: () => void
}

interface Question {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** @param raw name, value, name, value */
const answerOf = (status: number, raw: readonly string[], stream: NodeJS.ReadableStream, end: () => void): RawAnswer => {
  const names = raw.filter((_value, n) => n % 2 === 0).map((name) => name.toLowerCase())
  const chunks: Buffer[] = []
  const body = () => Buffer.concat(chunks).toString()
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const ended = once(stream, 'end')
  ended.catch(() => undefined) // only who asks for the whole wants to know
  return {
    status,
    names,
    valueOf: (name) => (names.includes(name) ? raw[names.indexOf(name) * 2 + 1] : undefined),
    body,
    whole: async () => {
      await ended
      return body()
    },
    end,
  }
}

const overHttp1 = async (nginx: Nginx, path: string, { method = 'GET', headers = {}, body }: Question): Promise<RawAnswer> => {
  const agent = new Agent({ ca: readFileSync(nginx.authority) })
  closing.push(() => agent.destroy())
  const request = httpsRequest(nginx.https + path, { method, headers, agent, signal: AbortSignal.timeout(2 * deadlineMs) }).end(body)
  const [response] = await once(request, 'response')
  request.on('error', () => undefined) // it is ended before its answer is
  return answerOf(response.statusCode, response.rawHeaders, response, () => void request.destroy())
}

const overHttp2 = async (nginx: Nginx, path: string, { method = 'GET', headers = {}, body }: Question): Promise<RawAnswer> => {
  const session = connectHttp2(nginx.https, { ca: readFileSync(nginx.authority) }).on('error', () => undefined) // its request tells
  closing.push(() => session.destroy())
  const request = session.request({ ':path': path, ':method': method, ...headers })
  request.end(body)
  const [answered, , raw] = await once(request, 'response')
  return answerOf(answered[':status'], raw.slice(2), request, () => request.close()) // :status is no header
}

const asking = { 'HTTP/1.1': overHttp1, 'HTTP/2': overHttp2 }

/** Asks nginx over a connection of its own, which ends with the test. */
export const ask = (protocol: Protocol, nginx: Nginx, path: string, question: Question = {}): Promise<RawAnswer> =>
  asking[protocol](nginx, path, question)

/** A person's stream through nginx, past its `resume`; it ends with the test. */
export const aStreamThrough = async (nginx: Nginx, protocol: Protocol, person: Person, lastEventId?: string): Promise<SseClient> => {
  const dispatcher = new Client(nginx.https, { allowH2: protocol === 'HTTP/2', connect: { ca: readFileSync(nginx.authority) } })
  const headers = { authorization: `Bearer ${person.accessToken}`, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) }
  closing.push(() => dispatcher.destroy())
  const stream = await SseClient.open(`${nginx.https}/sse`, { dispatcher, headers })
  closing.unshift(() => stream.close())
  await stream.waitFor(({ event }) => event === 'resume', deadlineMs)
  return stream
}

export const textsOf = ({ events }: SseClient): string[] =>
  events.filter(({ event }) => event === 'message.created').map(({ data }) => (data as { message: { text: string } }).message.text)

/** What the certificate is recognised by that a new connection to this port is shown, whoever vouched for it being `authority`, a PEM file. */
export const fingerprintAt = (port: number, authority: string, servername = ''): Promise<string | undefined> =>
  new Promise((resolve, reject) => {
    const named = servername === '' ? {} : { servername } // none for an address
    const socket = connectTls({ port, host: '127.0.0.1', ca: readFileSync(authority), ...named })
    socket.once('error', reject).once('secureConnect', () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256)
      socket.destroy()
    })
  })
