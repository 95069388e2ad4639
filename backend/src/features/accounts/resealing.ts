import type { Model } from 'mongoose'
import type { Sealer } from '../../platform/sealed.js'
import type { UserDocument } from '../users/index.js'

interface Resealed {
  /** Sealed under today's key now. */
  readonly resealed: number
  /** Were so before. */
  readonly present: number
  /** Sealed under a key that is not known: their owners have their recovery codes. */
  readonly lost: number
}

const batchSize = 500

/** Seals the secrets of all authenticators under the first key, so that the former ones can go. Safe to do again, and while people sign in. */
export const resealAuthenticators = async (users: Model<UserDocument>, sealer: Sealer): Promise<Resealed> => {
  const counts = { resealed: 0, present: 0, lost: 0 }
  const found = users
    .find({ totp: { $exists: true } }, { totp: 1 })
    .read('primary')
    .lean()
    .cursor({ batchSize })
  for await (const { _id, totp } of found) {
    if (!totp) continue
    const secret = sealer.look(totp.secret, _id.toHexString())
    if (secret === undefined) counts.lost += 1
    else if (!secret.former) counts.present += 1
    else {
      await users.updateOne({ _id, 'totp.secret': totp.secret }, { $set: { 'totp.secret': sealer.seal(secret.text, _id.toHexString()) } })
      counts.resealed += 1
    }
  }
  return counts
}
