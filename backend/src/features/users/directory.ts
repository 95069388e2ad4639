import type { Model } from 'mongoose'
import { z } from 'zod'
import { Id, toObjectId } from '../../http/ids.js'
import { decodeCursor, encodeCursor } from '../../http/page.js'
import type { UserDocument } from './model.js'

const Position = z.tuple([z.literal('name'), z.string(), Id])
/** Nothing that a name may have sorts after it. */
const last = '\u{10FFFF}'

/** Finds people by what others know of them. */
export class Directory {
  readonly #users: Model<UserDocument>
  constructor(deps: { readonly users: Model<UserDocument> }) {
    this.#users = deps.users
  }

  /** People whose names begin so, by name. @param beginning folded. @throws Problem validation_failed for a bad cursor */
  async byName(
    beginning: string,
    page: { cursor?: string | undefined; limit: number },
  ): Promise<{ items: UserDocument[]; nextCursor: string | null }> {
    const after = page.cursor === undefined ? undefined : decodeCursor(Position, page.cursor)
    const [, name = '', id = ''] = after ?? []
    const from = name > beginning ? name : beginning
    const found = await this.#users
      .find({
        nameFolded: { $gte: from, $lt: beginning + last },
        ...(after && { $or: [{ nameFolded: { $gt: name } }, { nameFolded: name, _id: { $gt: toObjectId(id) } }] }),
      })
      .sort({ nameFolded: 1, _id: 1 })
      .limit(page.limit + 1)
      .lean()
    const items = found.slice(0, page.limit)
    const lastItem = found.length > page.limit ? items.at(-1) : undefined
    const position: z.infer<typeof Position> | undefined = lastItem && ['name', lastItem.nameFolded, lastItem._id.toHexString()]
    return { items, nextCursor: position ? encodeCursor(position) : null }
  }

  /** The accounts with these phones, of people who let themselves be found by it. */
  async byPhones(phones: readonly string[]): Promise<UserDocument[]> {
    return this.#users.find({ phone: { $in: phones }, 'settings.findableByPhone': { $ne: false } }).lean()
  }
}
