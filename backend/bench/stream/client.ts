import { connect, type Socket } from 'node:net'
import type { Target } from './contract.js'
import { marker, nowMicroseconds } from './message.js'
import type { Tallying } from './tallying.js'

/** Every socket reads into this one: what came is looked through before the next is read. */
const buffer = Buffer.alloc(256 * 1024)
const openSeconds = 60

interface Opening {
  /** The first frame that a stream sends has this in it. */
  readonly greeting: string
  /** Several, so that the ports of one do not run out. */
  readonly localAddress: string
}

/** The server has no room yet, for the connection (which it resets) or for the stream (503); to be tried again. */
export class Refused extends Error {}

/** One client of one stream: notices what is missing, what comes twice and what comes late. */
export class StreamClient {
  readonly #target: Target
  readonly #tallying: Tallying
  /** The newest message seen of each conversation. */
  readonly #newest = new Map<number, number>()
  #socket: Socket | undefined
  #rest = ''
  #position: string | undefined

  constructor(target: Target, tallying: Tallying) {
    this.#target = target
    this.#tallying = tallying
  }

  /** Resolves once the greeting came. Where the client was open before, it gives its position. @throws Refused, or Error at anything else */
  open({ greeting, localAddress }: Opening): Promise<void> {
    const { port } = this.#target
    return new Promise((resolve, reject) => {
      let head = ''
      let open = false
      const take = (length: number): boolean => {
        const text = buffer.toString('latin1', 0, length)
        if (open) {
          this.#take(text)
          return true
        }
        head += text
        const greeted = head.indexOf(greeting)
        if (head.includes('\r\n\r\n') && !head.startsWith('HTTP/1.1 200 ')) socket.destroy()
        if (greeted === -1 || !head.includes('\n\n', greeted)) return true
        open = true
        clearTimeout(alarm)
        socket.on('close', () => this.#tallying.noteEnd())
        this.#take(head)
        resolve()
        return true
      }
      const socket = connect({ host: '127.0.0.1', port, localAddress, onread: { buffer, callback: take } })
      const alarm = setTimeout(
        () => socket.destroy(new Error(`No stream within ${openSeconds} s; so far: ${head.slice(0, 500)}`)),
        openSeconds * 1000,
      )
      socket.once('connect', () => socket.write(this.#request()))
      socket.on('error', (error) => reject('code' in error && error.code === 'ECONNRESET' ? new Refused() : error)) // a second reject does nothing
      socket.once('close', () => {
        clearTimeout(alarm)
        reject(head.startsWith('HTTP/1.1 503') ? new Refused() : new Error(`No stream, but: ${head.slice(0, 500)}`))
      })
      this.#socket = socket
    })
  }

  /** Goes without a word, as a client does that loses its network. The port is free again at once. */
  leave(): void {
    this.#socket?.removeAllListeners('close')
    this.#socket?.resetAndDestroy()
    this.#rest = ''
  }

  #request(): string {
    const { path, token } = this.#target
    const position = this.#position === undefined ? '' : `Last-Event-ID: ${this.#position}\r\n`
    return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAuthorization: Bearer ${token}\r\n${position}\r\n`
  }

  #take(came: string): void {
    const text = this.#rest + came
    const end = text.lastIndexOf('\n\n')
    this.#rest = end === -1 ? text : text.slice(end + 2)
    if (end === -1) return
    const at = nowMicroseconds()
    for (let found = text.indexOf(marker); found !== -1 && found < end; found = text.indexOf(marker, found + marker.length)) {
      const from = found + marker.length
      this.#note(text.slice(from, text.indexOf('.', from)).split(' '), at)
    }
    const id = text.lastIndexOf('id: ', end)
    if (id !== -1) this.#position = text.slice(id + 'id: '.length, text.indexOf('\n', id))
  }

  #note([conversation, n, madeAt]: string[], at: number): void {
    const newest = this.#newest.get(Number(conversation)) ?? 0
    if (Number(n) <= newest) {
      this.#tallying.noteDuplicate()
      return
    }
    this.#newest.set(Number(conversation), Number(n))
    this.#tallying.note(at - Number(madeAt), Number(n) === newest + 1)
  }
}
