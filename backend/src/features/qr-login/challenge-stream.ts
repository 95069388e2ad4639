import type { ServerResponse } from 'node:http'
import { encodeFrame } from '../../realtime/catalogue.js'
import { streamHeaders } from '../../realtime/stream.js'
import type { QrStatus } from './schema.js'

/** What a browser is told. */
export interface ChallengeState {
  readonly status: QrStatus
  /** Of who has scanned. */
  readonly name?: string
}

/** A challenge only goes up: what was read before something else is not told after it. */
const ranks: Record<QrStatus, number> = { pending: 0, scanned: 1, approved: 2, denied: 3, expired: 3, used: 3 }
/** From here on the browser waits for nothing more. */
const lastRank = ranks.approved
const endDeadlineMs = 5000
/** Longer than a challenge: of one that cannot be read meanwhile. */
const mostMs = 120_000
/** Proxies close an answer that is silent for a minute. */
const beatEveryMs = 20_000
const reconnectMs = 2000
const comment = Buffer.from(':\n\n')

/** One browser's stream: a handful of frames until it knows what becomes of its challenge. */
export class ChallengeStream {
  readonly #response: ServerResponse
  #rank = -1
  #alarm: NodeJS.Timeout | undefined
  #beat: NodeJS.Timeout | undefined
  /** @param response of which nothing was sent */
  constructor(response: ServerResponse) {
    this.#response = response
    response.useChunkedEncodingByDefault = false // as every stream: it ends with its connection
    response.shouldKeepAlive = false
  }

  open(): void {
    this.#response.writeHead(200, streamHeaders)
    this.#response.write(`retry: ${reconnectMs}\n\n`)
    this.#alarm = setTimeout(() => this.end(), mostMs).unref()
    this.#beat = setInterval(() => this.#response.write(comment), beatEveryMs).unref()
    this.#response.once('close', () => this.#rest())
  }

  get ended(): boolean {
    return this.#response.writableEnded || this.#response.destroyed
  }

  /** Tells a state that is further than the last one; ends with one after which nothing comes. */
  tell({ status, name }: ChallengeState): void {
    const rank = ranks[status]
    if (this.ended || rank <= this.#rank) return
    this.#rank = rank
    const type = `qr.${status}`
    const frame = encodeFrame(type, { type, at: new Date().toISOString(), ...(status === 'scanned' && { name }) })
    if (rank >= lastRank) this.end(frame)
    else this.#response.write(frame)
  }

  /** Ends it once what was written is sent, or after 5 s. */
  end(last?: Buffer): void {
    if (this.ended) return
    this.#rest()
    this.#response.end(last)
    const alarm = setTimeout(() => this.#response.destroy(), endDeadlineMs).unref()
    this.#response.once('close', () => clearTimeout(alarm))
  }

  /** What is ended is not written to, and a close need not follow soon. */
  #rest(): void {
    clearTimeout(this.#alarm)
    clearInterval(this.#beat)
  }
}
