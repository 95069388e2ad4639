import { endpoint } from '../../http/endpoint.js'
import {
  BeginUpload,
  type BegunUpload as Begun,
  BegunUpload,
  CompleteUpload,
  ContentQuery,
  PartNumbers,
  PartUrls,
  UploadIds,
  UploadParams,
  UploadUrls,
  UploadView,
} from './schema.js'
import type { SignedPart } from './service.js'
import { viewUpload } from './view.js'

const viewPart = ({ number, request: { url, headers } }: SignedPart): PartUrls['parts'][number] => ({
  number,
  url,
  headers: { ...headers },
})

export const beginUpload = endpoint({
  method: 'post',
  path: '/uploads',
  summary: 'Announce a file; the answer says where its bytes are to be PUT',
  access: 'user',
  limit: 'uploads',
  idempotent: 'thing',
  request: { body: BeginUpload },
  responses: { 201: BegunUpload },
  async handler({ context, caller, body, newId }) {
    const { upload, put, parts } = await context.uploads.begin(caller, body, newId)
    const answer: Begun = {
      id: upload._id.toHexString(),
      ...(put && { upload: { method: put.method, url: put.url, headers: { ...put.headers }, expiresAt: put.expiresAt.toISOString() } }),
      ...(parts && upload.multipart && { multipart: { partSize: upload.multipart.partBytes, parts: parts.map(viewPart) } }),
    }
    return { status: 201, body: answer }
  },
})

export const completeUpload = endpoint({
  method: 'post',
  path: '/uploads/:uploadId/complete',
  summary: 'Have what was PUT checked; once it is ready it can be attached. Again answers the same',
  access: 'user',
  limit: 'api',
  request: { params: UploadParams, body: CompleteUpload },
  responses: { 200: UploadView },
  async handler({ context, caller, params, body }) {
    return { status: 200, body: viewUpload(await context.completion.complete(caller, params.uploadId, body)) }
  },
})

export const signUploadParts = endpoint({
  method: 'post',
  path: '/uploads/:uploadId/parts',
  summary: 'Fresh URLs for parts of an upload that comes in parts',
  access: 'user',
  limit: 'api',
  request: { params: UploadParams, body: PartNumbers },
  responses: { 200: PartUrls },
  async handler({ context, caller, params, body }) {
    const parts = await context.uploads.signParts(caller, params.uploadId, body.numbers)
    return { status: 200, body: { parts: parts.map(viewPart) } }
  },
})

export const removeUpload = endpoint({
  method: 'delete',
  path: '/uploads/:uploadId',
  summary: 'Abort an upload, or remove one that nothing shows',
  access: 'user',
  limit: 'api',
  request: { params: UploadParams },
  responses: { 204: null },
  async handler({ context, caller, params }) {
    await context.uploads.remove(caller, params.uploadId)
    return { status: 204 }
  },
})

export const getUpload = endpoint({
  method: 'get',
  path: '/uploads/:uploadId',
  summary: 'An upload of yours, or one that a message or a profile shows you',
  access: 'user',
  limit: 'api',
  request: { params: UploadParams },
  responses: { 200: UploadView },
  async handler({ context, caller, params }) {
    return { status: 200, body: viewUpload(await context.uploadAccess.get(caller, params.uploadId)) }
  },
})

export const getUploadContent = endpoint({
  method: 'get',
  path: '/uploads/:uploadId/content',
  summary: 'Where the bytes of an upload are: a URL that is good for minutes',
  access: 'user',
  limit: 'api',
  request: { params: UploadParams, query: ContentQuery },
  responses: { 302: null },
  async handler({ context, caller, params, query }) {
    const url = await context.uploadAccess.urlOf(caller, params.uploadId, query.size)
    return { status: 302, headers: { Location: url, 'Cache-Control': 'no-store' } }
  },
})

export const getUploadUrls = endpoint({
  method: 'post',
  path: '/uploads/urls',
  summary: 'URLs of up to 50 uploads, for what sends no header, such as img',
  access: 'user',
  limit: 'api',
  request: { body: UploadIds },
  responses: { 200: UploadUrls },
  async handler({ context, caller, body }) {
    return { status: 200, body: await context.uploadAccess.urls(caller, body.ids) }
  },
})
