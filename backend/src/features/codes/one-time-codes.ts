import { createHmac, hkdfSync, type KeyObject, randomInt, timingSafeEqual } from 'node:crypto'
import type { Model } from 'mongoose'
import { upserting } from '../../platform/upsert.js'
import type { CodeDocument, CodePurpose } from './model.js'

export const codeTtlSeconds = 5 * 60
const codeDigits = 6
const mostTries = 5

/** A code that was right; it can still be used, once. */
export interface CodeProof {
  readonly id: string
  readonly hash: string
}

/** Six digits that only who reads a phone's messages knows: good for five minutes and five tries, one at a time for a phone and a purpose. */
export class OneTimeCodes {
  readonly #codes: Model<CodeDocument>
  readonly #keys: readonly [Buffer, ...Buffer[]]
  /** @param secrets not in the database: who reads that could else try all codes against a hash. The first one hashes; codes of any are good */
  constructor({
    codes,
    secrets: [first, ...former],
  }: { readonly codes: Model<CodeDocument>; readonly secrets: readonly [KeyObject, ...KeyObject[]] }) {
    this.#codes = codes
    this.#keys = [keyOf(first), ...former.map(keyOf)]
  }

  /** @returns a new code, which takes the place of the one before */
  async issue(purpose: CodePurpose, phone: string): Promise<string> {
    const code = randomInt(10 ** codeDigits)
      .toString()
      .padStart(codeDigits, '0')
    const _id = idOf(purpose, phone)
    const expiresAt = new Date(Date.now() + codeTtlSeconds * 1000)
    const fresh = { hash: hashOf(this.#keys[0], _id, code), triesLeft: mostTries, expiresAt }
    await upserting(() => this.#codes.updateOne({ _id }, { $set: fresh }, { upsert: true }))
    return code
  }

  /** Counts a try, whatever comes of it. @returns undefined where the code is wrong, used, too old, tried too often, or there is none */
  async check(purpose: CodePurpose, phone: string, code: string): Promise<CodeProof | undefined> {
    const _id = idOf(purpose, phone)
    // Counted before it is compared: however many try at once, five are.
    const found = await this.#codes
      .findOneAndUpdate({ _id, expiresAt: { $gt: new Date() }, triesLeft: { $gt: 0 } }, { $inc: { triesLeft: -1 } })
      .lean()
    if (!found || !this.#isOf(found.hash, _id, code)) return undefined
    return { id: _id, hash: found.hash }
  }

  /** @returns whether this call used it: another one may have been faster, or a new code has come */
  async use({ id, hash }: CodeProof): Promise<boolean> {
    const { deletedCount } = await this.#codes.deleteOne({ _id: id, hash })
    return deletedCount === 1
  }

  /** Makes worthless what a phone was sent. */
  async forget(purposes: readonly CodePurpose[], phone: string): Promise<void> {
    await this.#codes.deleteMany({ _id: { $in: purposes.map((purpose) => idOf(purpose, phone)) } })
  }

  #isOf(hash: string, id: string, code: string): boolean {
    return this.#keys.some((key) => timingSafeEqual(Buffer.from(hash), Buffer.from(hashOf(key, id, code))))
  }
}

const keyOf = (secret: KeyObject): Buffer => Buffer.from(hkdfSync('sha256', secret.export(), '', 'heliograph one-time codes', 32))

const hashOf = (key: Buffer, id: string, code: string): string => createHmac('sha256', key).update(`${id}:${code}`).digest('base64url')

const idOf = (purpose: CodePurpose, phone: string): string => `${purpose}:${phone}`
