import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { endpoint, streamEndpoint } from '../../http/endpoint.js'
import { ExportParams, ExportView } from './schema.js'
import { viewExport } from './view.js'

/** A client that takes nothing for so long is cut off. */
const stalledMs = 60_000

export const beginExport = endpoint({
  method: 'post',
  path: '/users/me/export',
  summary: 'Have all that is kept of you put into a zip of JSON files; the one that goes on already is answered again',
  access: 'user',
  limit: 'exports',
  request: {},
  responses: { 202: ExportView },
  async handler({ context, caller }) {
    return { status: 202, body: viewExport(await context.exports.begin(caller)) }
  },
})

export const getExport = endpoint({
  method: 'get',
  path: '/users/me/export/:exportId',
  summary: 'How far an export of yours is',
  access: 'user',
  limit: 'api',
  request: { params: ExportParams },
  responses: { 200: ExportView },
  async handler({ context, caller, params }) {
    return { status: 200, body: viewExport(await context.exports.get(caller, params.exportId)) }
  },
})

export const downloadExport = streamEndpoint({
  method: 'get',
  path: '/users/me/export/:exportId/content',
  summary: 'The zip of an export of yours, for seven days',
  access: 'user',
  limit: 'exports',
  request: { params: ExportParams },
  streams: 'application/zip',
  async open({ context, caller, params, response }) {
    const { size, pieces } = await context.exports.content(caller, params.exportId)
    response.setTimeout(stalledMs, () => response.destroy())
    response.writeHead(200, {
      'Content-Type': 'application/zip',
      'Content-Length': size,
      'Content-Disposition': `attachment; filename="export-${params.exportId}.zip"`,
      'Cache-Control': 'no-store',
    })
    await pipeline(Readable.from(pieces), response).catch((error: unknown) => {
      response.destroy() // a client sees that it is not the whole
      if (!isHangUp(error)) throw error
    })
  },
})

const isHangUp = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
