import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

const keyBytes = 32

/** What a signature is good for. All of it is signed; `expires` is in seconds since 1970. */
export type Signable =
  | {
      readonly may: 'put'
      readonly key: string
      readonly expires: number
      readonly size: number
      readonly type: string
      readonly sha256: string
    }
  | {
      readonly may: 'part'
      readonly key: string
      readonly expires: number
      readonly multipart: string
      readonly number: number
      readonly size: number
    }
  | { readonly may: 'get'; readonly key: string; readonly expires: number; readonly type: string; readonly disposition: string }

/** The names too, so that nothing can be read as something else; in one order, whoever made the object. */
const textOf = (what: Signable): string => JSON.stringify(Object.entries(what).toSorted(([one], [other]) => (one < other ? -1 : 1)))

/** Signs what URLs allow: HMAC-SHA256 under keys derived from the given ones (HKDF, RFC 5869), which all workers have. */
export class LocalSigner {
  readonly #keys: readonly [KeyObject, ...KeyObject[]]
  /** @param keys the first one signs; what any of them signed is good */
  constructor([first, ...former]: readonly [KeyObject, ...KeyObject[]]) {
    const derived = (key: KeyObject): KeyObject =>
      createSecretKey(Buffer.from(hkdfSync('sha256', key.export(), '', 'heliograph signed URLs of files', keyBytes)))
    this.#keys = [derived(first), ...former.map(derived)]
  }

  /** @returns base64url */
  sign(what: Signable): string {
    return this.#signature(this.#keys[0], what).toString('base64url')
  }

  isSigned(what: Signable, signature: string): boolean {
    const given = Buffer.from(signature, 'base64url')
    return this.#keys.some((key) => {
      const right = this.#signature(key, what)
      return right.length === given.length && timingSafeEqual(right, given)
    })
  }

  #signature(key: KeyObject, what: Signable): Buffer {
    return createHmac('sha256', key).update(textOf(what)).digest()
  }
}
