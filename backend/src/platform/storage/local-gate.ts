import type { Readable } from 'node:stream'
import type { LocalMultiparts } from './local-multiparts.js'
import type { About, OpenObject } from './local-object.js'
import type { LocalObjects } from './local-objects.js'
import type { LocalSigner, Signable } from './local-signer.js'
import type { Told } from './local-writing.js'
import { type Incoming, OneAtATime, type Patience } from './one-at-a-time.js'

interface Dependencies {
  readonly signer: LocalSigner
  readonly objects: LocalObjects
  readonly multiparts: LocalMultiparts
  readonly patience?: Partial<Patience>
}

/** Something was put there before. */
export class AlreadyThere extends Error {}

/** An object that is open for who may have it. */
export interface Served {
  readonly about: About
  /** To be called once; or `close`. @param range both counted */
  read(range?: { start: number; end: number }): Readable
  close(): Promise<void>
}

/** What the holders of signed URLs come through. */
export class LocalGate {
  readonly #deps: Dependencies
  readonly #writes: OneAtATime
  constructor(deps: Dependencies) {
    this.#deps = deps
    this.#writes = new OneAtATime(deps.patience)
  }

  isSigned(what: Signable, signature: string): boolean {
    return this.#deps.signer.isSigned(what, signature)
  }

  /** Takes what was signed for. @throws AlreadyThere, UnderWay, UnexpectedBytes, StorageUnavailable, and what the source fails with */
  receive(key: string, source: Incoming, told: Required<Told>): Promise<void> {
    const { objects } = this.#deps
    return this.#writes.run(key, source, async (bytes) => {
      const before = await objects.open(key)
      await before?.file.close()
      if (before) throw new AlreadyThere()
      await objects.write(key, bytes, told)
    })
  }

  /** @returns the part's ETag. @throws as `receive` but for AlreadyThere, and StorageRefusal `no_upload` */
  receivePart(part: { key: string; uploadId: string; number: number }, source: Incoming, told: Told): Promise<string> {
    const name = `${part.key}/${part.uploadId}/${part.number}`
    return this.#writes.run(name, source, (bytes) => this.#deps.multiparts.receive(part, bytes, told))
  }

  /** @returns undefined where nothing is there. @throws StorageUnavailable */
  async open(key: string): Promise<Served | undefined> {
    const { objects } = this.#deps
    const opened: OpenObject | undefined = await objects.open(key)
    return opened && { about: opened.about, read: (range) => objects.bytesOf(opened, range), close: () => opened.file.close() }
  }
}
