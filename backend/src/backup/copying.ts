import { mongo } from 'mongoose'
import type { ConversationDocument } from '../features/conversations/index.js'
import { seqIndex } from '../features/messages/index.js'
import { ArchiveWriter, type Written } from './archive-writer.js'
import { filterOf } from './collections.js'
import type { ArchiveFile } from './manifest.js'
import type { Sealing } from './sealing.js'

export interface Copying {
  readonly db: mongo.Db
  /** Of an archive. */
  readonly folder: string
  readonly sealing: Sealing
}

const { BSON } = mongo

const gatheredBytes = 256 * 1024
const conversationsAtOnce = 100
const batchSize = 500

/** The documents of a collection as they come, in one file. */
class DocumentsFile {
  readonly #writer: ArchiveWriter
  readonly #name: string
  readonly #collection: string
  #documents = 0
  #gathered: Uint8Array[] = []
  #bytes = 0
  constructor({ folder, sealing }: Copying, collection: string) {
    this.#collection = collection
    this.#name = `${collection}.bson.gz${sealing.suffix}`
    this.#writer = new ArchiveWriter(`${folder}/${this.#name}`, { sealing: sealing.program, compress: true })
  }

  async add(document: Uint8Array): Promise<void> {
    this.#documents += 1
    this.#gathered.push(document)
    this.#bytes += document.length
    if (this.#bytes >= gatheredBytes) await this.#pass()
  }

  async end(): Promise<ArchiveFile> {
    await this.#pass()
    const written: Written = await this.#writer.end()
    return { name: this.#name, holds: 'documents', collection: this.#collection, documents: this.#documents, ...written }
  }

  destroy(): Promise<void> {
    return this.#writer.destroy()
  }

  async #pass(): Promise<void> {
    const bytes = Buffer.concat(this.#gathered)
    this.#gathered = []
    this.#bytes = 0
    if (bytes.length > 0) await this.#writer.write(bytes)
  }
}

/** With `raw` the driver gives each document as the bytes that the server sent. */
const rawly = { raw: true, batchSize, readPreference: 'primary', readConcern: { level: 'majority' } } as const
const asBytes = (cursor: mongo.FindCursor<unknown>): AsyncIterable<Uint8Array> => cursor as unknown as AsyncIterable<Uint8Array>

/** Copies a collection as it is while others write: every document that was there before is in it, and none is twice. */
export const copyCollection = async (copying: Copying, name: string): Promise<ArchiveFile[]> => {
  const file = new DocumentsFile(copying, name)
  try {
    const documents = copying.db.collection(name).find(filterOf(name), rawly).sort({ _id: 1 })
    for await (const document of asBytes(documents)) await file.add(document)
    return [await file.end()]
  } catch (error) {
    await file.destroy()
    throw error
  }
}

/** Pages of conversations as bytes, with their ids. */
const pagesOfConversations = async function* (db: mongo.Db): AsyncGenerator<{ ids: mongo.ObjectId[]; documents: Uint8Array[] }> {
  const collection = db.collection<ConversationDocument>('conversations')
  let last: mongo.ObjectId | undefined
  for (;;) {
    const documents: Uint8Array[] = []
    const page = collection
      .find(last ? { _id: { $gt: last } } : {}, rawly)
      .sort({ _id: 1 })
      .limit(conversationsAtOnce)
    for await (const document of asBytes(page)) documents.push(document)
    if (documents.length === 0) return
    const ids = documents.map((document): mongo.ObjectId => BSON.deserialize(document)['_id'])
    last = ids.at(-1)
    yield { ids, documents }
  }
}

/**
 * Copies conversations, and their messages behind them: those of a conversation in the order of seq, so that one is in the copy only if the one
 * before it is. A conversation that is begun meanwhile may be missing, with all its messages.
 */
export const copyConversations = async (copying: Copying): Promise<ArchiveFile[]> => {
  const { db } = copying
  const conversations = new DocumentsFile(copying, 'conversations')
  const messages = new DocumentsFile(copying, 'messages')
  try {
    for await (const { ids, documents } of pagesOfConversations(db)) {
      for (const document of documents) await conversations.add(document)
      const theirs = db.collection('messages').find({ conversationId: { $in: ids } }, { ...rawly, hint: seqIndex })
      for await (const document of asBytes(theirs.sort({ conversationId: 1, seq: 1 }))) await messages.add(document)
    }
    return [await conversations.end(), await messages.end()]
  } catch (error) {
    await Promise.all([conversations.destroy(), messages.destroy()])
    throw error
  }
}
