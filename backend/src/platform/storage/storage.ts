import type { Readable } from 'node:stream'

/** A request that somebody else may make, exactly as it stands, until it expires. */
export interface SignedRequest {
  readonly method: 'PUT'
  readonly url: string
  /** Signed with it: a request with others is refused. */
  readonly headers: Readonly<Record<string, string>>
  readonly expiresAt: Date
}

export interface StoredObject {
  /** In bytes. */
  readonly size: number
  readonly contentType: string
  /** Of all its bytes, in base64; absent where the storage keeps none. */
  readonly sha256?: string
}

export interface ListedObject {
  readonly key: string
  /** In bytes. */
  readonly size: number
  readonly modifiedAt: Date
}

export interface ListedMultipart {
  readonly key: string
  readonly uploadId: string
  readonly begunAt: Date
}

/** A part of a multipart upload; numbers begin at 1. */
export interface UploadedPart {
  readonly number: number
  /** As the storage answered it to the part's PUT. */
  readonly etag: string
}

/**
 * Where the bytes of uploads are. Keys are the server's own, never a client's.
 * Every call has a deadline, and rejects with StorageUnavailable where the storage cannot be reached or does not answer in time.
 */
export interface Storage {
  /** A URL that takes exactly these bytes at this key. @param object size in bytes, sha256 in base64 */
  presignPut(object: { key: string; size: number; contentType: string; sha256: string }): Promise<SignedRequest>
  beginMultipart(object: { key: string; contentType: string }): Promise<{ uploadId: string }>
  /** A URL that takes a part of exactly so many bytes. */
  presignPart(part: { key: string; uploadId: string; number: number; size: number }): Promise<SignedRequest>
  /** @throws StorageRefusal `wrong_parts` or `no_upload` */
  completeMultipart(upload: { key: string; uploadId: string; parts: readonly UploadedPart[] }): Promise<void>
  /** Takes back what was begun, with all its parts; again changes nothing. */
  abortMultipart(upload: { key: string; uploadId: string }): Promise<void>

  /** @returns undefined where nothing is at the key */
  head(key: string): Promise<StoredObject | undefined>
  /**
   * The bytes, from `start` to `end`, both counted. The caller reads the stream to its end or destroys it; a storage that falls silent destroys it
   * with StorageUnavailable.
   * @throws StorageRefusal `no_object`
   */
  read(key: string, range?: { start: number; end: number }): Promise<Readable>
  /** Writes an object whole or not at all. A stream has to have exactly `size` bytes. */
  write(key: string, body: Readable | Buffer, object: { size: number; contentType: string }): Promise<void>
  /** @throws StorageRefusal `no_object` */
  copy(from: string, to: string, object: { contentType: string }): Promise<void>
  /** Removes those that are there; again changes nothing. */
  remove(keys: readonly string[]): Promise<void>
  /** A URL that serves the object under a name, for a page to show (`inline`) or to be saved. */
  presignGet(key: string, as: { fileName: string; contentType: string; inline: boolean }): Promise<{ url: string; expiresAt: Date }>

  /** What is there, in the order of its keys. @param after a key to begin behind */
  list(prefix: string, after?: string): AsyncIterable<ListedObject>
  /** Multipart uploads that were begun and neither completed nor aborted. */
  multiparts(): AsyncIterable<ListedMultipart>

  /** Resolves where the storage is there and may be used. */
  check(): Promise<void>
  /** What is wrong with how the storage was set up, for the operator to put right, a sentence each. */
  faults(): Promise<readonly string[]>
  close(): Promise<void>
}

/** The storage cannot be reached, or did not answer in time: the same may work later. */
export class StorageUnavailable extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`The storage cannot be used: ${what}`, options)
    this.name = 'StorageUnavailable'
  }
}

/** The storage answered that it will not, and will not later either. */
export class StorageRefusal extends Error {
  readonly reason: 'no_object' | 'no_upload' | 'wrong_parts' | 'no_settings'
  constructor(reason: StorageRefusal['reason'], options?: ErrorOptions) {
    super(`The storage refused: ${reason}`, options)
    this.name = 'StorageRefusal'
    this.reason = reason
  }
}
