import { streamEndpoint } from '../../http/endpoint.js'
import { Problem } from '../../http/problem.js'
import { keyOf } from '../../platform/storage/local-places.js'
import { StorageUnavailable } from '../../platform/storage/storage.js'
import { receiveBody } from './receiving.js'
import { GetQuery, ObjectParams, PartParams, PartQuery, PutQuery } from './schema.js'
import { sendFile } from './sending.js'
import { gateFor } from './signed.js'

export const putLocalFile = streamEndpoint({
  method: 'put',
  path: '/uploads/local/:object',
  summary: 'Send the bytes of an upload to the address that it was given, where files are kept without S3',
  access: 'anyone',
  limit: 'none',
  request: { params: ObjectParams, query: PutQuery },
  streams: 'nothing',
  async open({ context, params, query, request, response }) {
    const key = keyOf(params.object)
    const { sha256 } = query
    const [size, expires, type] = [Number(query.size), Number(query.expires), request.headers['content-type'] ?? '']
    const signed = { may: 'put', key, expires, size, type, sha256 } as const
    const gate = await gateFor(signed, query.signature, { context, request, response })
    await receiveBody(request, response, size, (body) => gate.receive(key, body, { size, contentType: type, sha256 }))
    response.status(200).end()
  },
})

export const putLocalPart = streamEndpoint({
  method: 'put',
  path: '/uploads/local/:object/:multipart/:number',
  summary: 'Send a part of an upload to the address that it was given, where files are kept without S3; its ETag is answered as a header',
  access: 'anyone',
  limit: 'none',
  request: { params: PartParams, query: PartQuery },
  streams: 'nothing',
  async open({ context, params, query, request, response }) {
    const key = keyOf(params.object)
    const [size, expires, number] = [Number(query.size), Number(query.expires), Number(params.number)]
    const signed = { may: 'part', key, expires, multipart: params.multipart, number, size } as const
    const gate = await gateFor(signed, query.signature, { context, request, response })
    const part = { key, uploadId: params.multipart, number }
    const etag = await receiveBody(request, response, size, (body) => gate.receivePart(part, body, { size, contentType: '' }))
    response.setHeader('ETag', etag)
    response.status(200).end()
  },
})

export const getLocalFile = streamEndpoint({
  method: 'get',
  path: '/uploads/local/:object',
  summary: 'A file, or a range of it, where files are kept without S3; the address was signed',
  access: 'anyone',
  limit: 'none',
  request: { params: ObjectParams, query: GetQuery },
  streams: 'application/octet-stream',
  async open({ context, params, query, request, response }) {
    const key = keyOf(params.object)
    const { type, disposition } = query
    const expires = Number(query.expires)
    const gate = await gateFor({ may: 'get', key, expires, type, disposition }, query.signature, { context, request, response })
    const served = await gate.open(key).catch((error: unknown) => {
      if (error instanceof StorageUnavailable) throw new Problem('service_unavailable', 'Files cannot be read right now', { cause: error })
      throw error
    })
    if (!served) throw new Problem('not_found')
    await sendFile(request, response, served, { type, disposition, expires })
  },
})
