import { contentDisposition } from './content-disposition.js'
import { objectOf } from './local-places.js'
import type { LocalSigner, Signable } from './local-signer.js'
import type { SignedRequest, Storage } from './storage.js'
import { encodeStrictly } from './uri-encoding.js'

interface Dependencies {
  readonly signer: LocalSigner
  /** Where the API serves files, without a slash at its end. */
  readonly url: string
  readonly uploadTtlSeconds: number
  readonly downloadTtlSeconds: number
}

const soonest = (ttlSeconds: number): number => Math.floor(Date.now() / 1000) + ttlSeconds

/** Signs requests to the API itself. It asks nobody. */
export class LocalPresigner {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  put({ key, size, contentType, sha256 }: Parameters<Storage['presignPut']>[0]): SignedRequest {
    const expires = soonest(this.#deps.uploadTtlSeconds)
    const url = this.#url(objectOf(key), { may: 'put', key, expires, size, type: contentType, sha256 }, { size, sha256 })
    return signedRequest(url, { 'content-length': String(size), 'content-type': contentType }, expires)
  }

  part({ key, uploadId, number, size }: Parameters<Storage['presignPart']>[0]): SignedRequest {
    const expires = soonest(this.#deps.uploadTtlSeconds)
    const what = { may: 'part', key, expires, multipart: uploadId, number, size } as const
    const url = this.#url(`${objectOf(key)}/${uploadId}/${number}`, what, { size })
    return signedRequest(url, { 'content-length': String(size) }, expires)
  }

  get(key: string, as: { fileName: string; contentType: string; inline: boolean }): { url: string; expiresAt: Date } {
    const expires = soonest(this.#deps.downloadTtlSeconds)
    const shown = { type: as.contentType, disposition: contentDisposition(as) }
    return { url: this.#url(objectOf(key), { may: 'get', key, expires, ...shown }, shown), expiresAt: new Date(expires * 1000) }
  }

  #url(path: string, what: Signable, named: Readonly<Record<string, string | number>>): string {
    const query = { ...named, expires: what.expires, signature: this.#deps.signer.sign(what) }
    const search = Object.entries(query).map(([name, value]) => `${name}=${encodeStrictly(String(value))}`)
    return `${this.#deps.url}/${path}?${search.join('&')}`
  }
}

const signedRequest = (url: string, headers: SignedRequest['headers'], expires: number): SignedRequest => ({
  method: 'PUT',
  url,
  headers,
  expiresAt: new Date(expires * 1000),
})
