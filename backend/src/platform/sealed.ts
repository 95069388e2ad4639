import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

const algorithm = 'aes-256-gcm'
const keyBytes = 32
const nonceBytes = 12
const tagBytes = 16

/**
 * Encrypts small secrets that have to be stored and read again: AES-256-GCM, under keys derived from the given ones (HKDF, RFC 5869), one per purpose.
 * What was sealed under any of the keys can be opened; the first one seals.
 */
export class Sealer {
  readonly #keys: readonly [Buffer, ...Buffer[]]
  /** @param purpose what is sealed: what another purpose sealed does not open */
  constructor([first, ...former]: readonly [KeyObject, ...KeyObject[]], purpose: string) {
    const derived = (key: KeyObject): Buffer => Buffer.from(hkdfSync('sha256', key.export(), '', `heliograph ${purpose}`, keyBytes))
    this.#keys = [derived(first), ...former.map(derived)]
  }

  /** @param owner whose it is: it opens for nobody else. @returns base64url */
  seal(text: string, owner: string): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv(algorithm, this.#keys[0], nonce).setAAD(Buffer.from(owner))
    const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url')
  }

  /** @returns undefined where it was not sealed by one of these keys, for this owner and purpose, or was changed since */
  open(sealed: string, owner: string): string | undefined {
    return this.look(sealed, owner)?.text
  }

  /** As `open`; `former` where it is sealed under a key that is not the first, and goes with it. */
  look(sealed: string, owner: string): { readonly text: string; readonly former: boolean } | undefined {
    const bytes = Buffer.from(sealed, 'base64url')
    if (bytes.length < nonceBytes + tagBytes) return undefined
    for (const [at, key] of this.#keys.entries()) {
      const text = opened(key, bytes, owner)
      if (text !== undefined) return { text, former: at > 0 }
    }
    return undefined
  }
}

const opened = (key: Buffer, bytes: Buffer, owner: string): string | undefined => {
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes))
    .setAAD(Buffer.from(owner))
    .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes))
  const text = decipher.update(bytes.subarray(nonceBytes + tagBytes))
  try {
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return undefined // what authenticates nothing is nothing: the one error that `final` has here
  }
}
