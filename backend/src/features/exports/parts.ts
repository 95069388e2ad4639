import { mongo, Types } from 'mongoose'
import type { ExportPartDocument } from './model.js'

interface Dependencies {
  readonly parts: () => mongo.Collection<ExportPartDocument>
}

/** Whose parts: an export's, as one attempt wrote them. */
interface Written {
  readonly exportId: Types.ObjectId
  readonly attempt: number
}

/** Longer than the export's job is kept, and longer than one can take. */
const keptMs = 9 * 86_400_000

/** The bytes of exports, in the database that all workers share: a part at a time goes in and comes out. */
export class ExportParts {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  async add({ exportId, attempt }: Written, index: number, data: Buffer): Promise<void> {
    const expiresAt = new Date(Date.now() + keptMs)
    await this.#parts.insertOne({ _id: new Types.ObjectId(), exportId, attempt, index, data: new mongo.Binary(data), expiresAt })
  }

  /** In order. @throws where one is missing: what has been read is not the whole */
  async *read({ exportId, attempt }: Written, size: number): AsyncGenerator<Buffer> {
    let bytes = 0
    for (let index = 0; bytes < size; index++) {
      const part = await this.#parts.findOne({ exportId, attempt, index })
      if (!part) throw new Error('A part of an export is missing')
      bytes += part.data.length()
      yield Buffer.from(part.data.buffer)
    }
  }

  async removeAll(exportIds: readonly Types.ObjectId[]): Promise<void> {
    await this.#parts.deleteMany({ exportId: { $in: [...exportIds] } })
  }

  /** Removes what other attempts have left. */
  async removeOthers({ exportId, attempt }: Written): Promise<void> {
    await this.#parts.deleteMany({ exportId, attempt: { $ne: attempt } })
  }

  get #parts(): mongo.Collection<ExportPartDocument> {
    return this.#deps.parts()
  }
}
