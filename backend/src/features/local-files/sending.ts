import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import { Problem } from '../../http/problem.js'
import type { Served } from '../../platform/storage/local-gate.js'
import { byteRangeOf } from './byte-range.js'

/** A client that takes nothing for so long is cut off. */
const stalledMs = 60_000

/** Shown by itself, a file is a page: it may show what it is, and run nothing. */
const policy = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

interface Shown {
  readonly type: string
  readonly disposition: string
  /** In seconds since 1970. */
  readonly expires: number
}

/** Answers a file, or the range of it that is asked for. @throws Problem range_not_satisfiable */
export const sendFile = async (request: Request, response: Response, served: Served, shown: Shown): Promise<void> => {
  try {
    const { size, sha256 } = served.about
    const etag = `"${Buffer.from(sha256, 'base64').toString('base64url')}"`
    const { 'if-none-match': known, 'if-range': only, range: asked } = request.headers
    const range = only === undefined || only === etag ? byteRangeOf(asked, size) : undefined
    response.setHeader('Accept-Ranges', 'bytes')
    if (range === 'unsatisfiable') {
      response.setHeader('Content-Range', `bytes */${size}`)
      throw new Problem('range_not_satisfiable')
    }
    response.setHeader('ETag', etag)
    response.setHeader('Cache-Control', `private, max-age=${Math.max(0, shown.expires - Math.floor(Date.now() / 1000))}`)
    response.setHeader('Cross-Origin-Resource-Policy', 'cross-origin') // an <img> of the client's pages; who has the address may see it
    if (isKnown(known, etag)) {
      response.status(304).end()
      return
    }
    const { start, end } = range ?? { start: 0, end: size - 1 }
    if (range) response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
    response.writeHead(range ? 206 : 200, {
      'Content-Type': shown.type,
      'Content-Length': end - start + 1,
      'Content-Disposition': shown.disposition,
      'Content-Security-Policy': policy,
      'X-Content-Type-Options': 'nosniff',
    })
    if (request.method === 'HEAD') {
      response.end()
      return
    }
    response.setTimeout(stalledMs, () => response.destroy())
    await pipeline(served.read({ start, end }), response).catch((error: unknown) => {
      response.destroy() // a client sees that it is not the whole
      if (!isHangUp(error)) throw error
    })
  } finally {
    await served.close()
  }
}

const isKnown = (header: string | undefined, etag: string): boolean =>
  header === '*' || (header ?? '').split(',').some((each) => each.trim().replace(/^W\//, '') === etag)

const isHangUp = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
