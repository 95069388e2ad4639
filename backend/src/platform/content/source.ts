import type { Readable } from 'node:stream'

/** Bytes that somebody sent, wherever they are kept. */
export interface Source {
  /** In bytes. */
  readonly size: number
  /** What the sender calls them. */
  readonly contentType: string
  /** From `start` to `end`, both counted; whoever asked reads to the end or destroys the stream. */
  read(range?: { start: number; end: number }): Promise<Readable>
}
