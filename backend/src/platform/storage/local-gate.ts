import type { Readable } from 'node:stream'
import type { LocalMultiparts } from './local-multiparts.js'
import type { About, OpenObject } from './local-object.js'
import type { LocalObjects } from './local-objects.js'
import type { LocalSigner, Signable } from './local-signer.js'
import type { Told } from './local-writing.js'

interface Dependencies {
  readonly signer: LocalSigner
  readonly objects: LocalObjects
  readonly multiparts: LocalMultiparts
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
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  isSigned(what: Signable, signature: string): boolean {
    return this.#deps.signer.isSigned(what, signature)
  }

  /** Takes what was signed for. @throws AlreadyThere, UnexpectedBytes, StorageUnavailable, and what the source fails with */
  async receive(key: string, source: AsyncIterable<Buffer>, told: Required<Told>): Promise<void> {
    const { objects } = this.#deps
    const before = await objects.open(key)
    await before?.file.close()
    if (before) throw new AlreadyThere()
    await objects.write(key, source, told)
  }

  /** @returns the part's ETag. @throws as `receive`, and StorageRefusal `no_upload` */
  receivePart(part: { key: string; uploadId: string; number: number }, source: AsyncIterable<Buffer>, told: Told): Promise<string> {
    return this.#deps.multiparts.receive(part, source, told)
  }

  /** @returns undefined where nothing is there. @throws StorageUnavailable */
  async open(key: string): Promise<Served | undefined> {
    const { objects } = this.#deps
    const opened: OpenObject | undefined = await objects.open(key)
    return opened && { about: opened.about, read: (range) => objects.bytesOf(opened, range), close: () => opened.file.close() }
  }
}
