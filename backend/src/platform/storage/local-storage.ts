import type { KeyObject } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { onDiskSoon } from './local-disk.js'
import { LocalGate } from './local-gate.js'
import { listedFiles } from './local-listing.js'
import { LocalMultiparts } from './local-multiparts.js'
import { LocalObjects } from './local-objects.js'
import { LocalPlaces } from './local-places.js'
import { LocalPresigner } from './local-presigner.js'
import { LocalSigner } from './local-signer.js'
import type { Patience } from './one-at-a-time.js'
import {
  type ListedMultipart,
  type ListedObject,
  type SignedRequest,
  type Storage,
  StorageRefusal,
  StorageUnavailable,
  type StoredObject,
} from './storage.js'

export interface LocalSettings {
  /** The folder, which all workers share. */
  readonly folder: string
  /** Where the API serves files, without a slash at its end. */
  readonly url: string
  /** The first one signs; what any of them signed is good. */
  readonly keys: readonly [KeyObject, ...KeyObject[]]
}

interface Timing {
  /** For a call that moves no bytes, and for silence in a body. */
  readonly deadlineMs: number
  readonly uploadTtlSeconds: number
  readonly downloadTtlSeconds: number
  readonly patience: Partial<Patience>
}

const usualTiming: Timing = { deadlineMs: 5000, uploadTtlSeconds: 900, downloadTtlSeconds: 900, patience: {} }

/** Objects in a folder of this machine; what is signed is a request to the API. */
export class LocalStorage implements Storage {
  /** For requests that were signed. */
  readonly gate: LocalGate
  readonly #places: LocalPlaces
  readonly #objects: LocalObjects
  readonly #multiparts: LocalMultiparts
  readonly #presigner: LocalPresigner
  readonly #deadlineMs: number
  constructor({ folder, url, keys }: LocalSettings, timing: Partial<Timing> = {}) {
    const { deadlineMs, patience, ...ttls } = { ...usualTiming, ...timing }
    const signer = new LocalSigner(keys)
    this.#deadlineMs = deadlineMs
    this.#places = new LocalPlaces(folder)
    this.#objects = new LocalObjects(this.#places, deadlineMs)
    this.#multiparts = new LocalMultiparts({ places: this.#places, objects: this.#objects, deadlineMs })
    this.#presigner = new LocalPresigner({ signer, url, ...ttls })
    this.gate = new LocalGate({ signer, objects: this.#objects, multiparts: this.#multiparts, patience })
  }

  async presignPut(object: Parameters<Storage['presignPut']>[0]): Promise<SignedRequest> {
    return this.#presigner.put(object)
  }

  async presignPart(part: Parameters<Storage['presignPart']>[0]): Promise<SignedRequest> {
    return this.#presigner.part(part)
  }

  async presignGet(...[key, as]: Parameters<Storage['presignGet']>): Promise<{ url: string; expiresAt: Date }> {
    return this.#presigner.get(key, as)
  }

  async beginMultipart(object: Parameters<Storage['beginMultipart']>[0]): Promise<{ uploadId: string }> {
    await this.#objects.prepare()
    return this.#multiparts.begin(object)
  }

  async completeMultipart(upload: Parameters<Storage['completeMultipart']>[0]): Promise<void> {
    try {
      await this.#multiparts.complete(upload)
    } catch (error) {
      if (!(error instanceof StorageRefusal) || error.reason === 'no_object') throw error
      if (!(await this.#wasCompleted(upload))) throw error
    }
  }

  abortMultipart({ uploadId }: Parameters<Storage['abortMultipart']>[0]): Promise<void> {
    return this.#multiparts.abort({ uploadId })
  }

  async head(key: string): Promise<StoredObject | undefined> {
    const opened = await this.#objects.open(key)
    await opened?.file.close()
    return opened?.about
  }

  async read(key: string, range?: { start: number; end: number }): Promise<Readable> {
    const opened = await this.#objects.open(key)
    if (!opened) throw new StorageRefusal('no_object')
    return this.#objects.bytesOf(opened, range)
  }

  async write(key: string, body: Readable | Buffer, object: { size: number; contentType: string }): Promise<void> {
    await this.#objects.write(key, Buffer.isBuffer(body) ? [body] : body, object)
  }

  copy(from: string, to: string, { contentType }: { contentType: string }): Promise<void> {
    return this.#objects.copy(from, to, contentType)
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.#objects.remove(key)
  }

  async *list(prefix: string, after?: string): AsyncGenerator<ListedObject> {
    await this.#objects.prepare()
    yield* listedFiles(this.#places, { prefix, after, deadlineMs: this.#deadlineMs })
  }

  async *multiparts(): AsyncGenerator<ListedMultipart> {
    await this.#objects.prepare()
    yield* this.#multiparts.list()
  }

  async check(): Promise<void> {
    await this.#objects.prepare()
    const { temporary } = this.#places
    await onDiskSoon('looking at the folder', access(temporary, constants.R_OK | constants.W_OK | constants.X_OK), this.#deadlineMs)
  }

  async faults(): Promise<readonly string[]> {
    try {
      await this.check()
      return []
    } catch (error) {
      if (!(error instanceof StorageUnavailable)) throw error
      return [`UPLOAD_DIR is a folder that cannot be written to: ${this.#places.root}`]
    }
  }

  async close(): Promise<void> {
    // Nothing is open but what is being read or written.
  }

  /** Another call was faster, or the first one's answer was lost. */
  async #wasCompleted({ key, uploadId }: { key: string; uploadId: string }): Promise<boolean> {
    return !(await this.#multiparts.has({ key, uploadId })) && (await this.head(key)) !== undefined
  }
}
