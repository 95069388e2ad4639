import type { SignedRequest } from '../../src/platform/storage/storage.js'

/** Makes a signed request as a client does. @param changes over its own headers and address */
export const send = (
  { method, url, headers }: SignedRequest,
  body: Uint8Array<ArrayBuffer>,
  changes: { readonly headers?: Readonly<Record<string, string>>; readonly url?: string } = {},
): Promise<Response> => {
  const { 'content-length': _length, ...own } = headers // fetch says it by itself, and truly
  return fetch(changes.url ?? url, { method, headers: { ...own, ...changes.headers }, body })
}
