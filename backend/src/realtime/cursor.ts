import type { EntryId } from './log/position.js'

/** A client's position: everything up to `id`, in the log's `epoch`. */
export interface Cursor {
  readonly epoch: string
  readonly id: EntryId
}

export const encodeCursor = ({ epoch, id }: Cursor): string => `${epoch}.${id}`

/** @returns undefined where the text is no cursor: its owner is told to fetch all, like anyone whose cursor is too old */
export const parseCursor = (text: string): Cursor | undefined => {
  const [, epoch, id] = /^([\w-]{8,64})\.(\d{1,15}-\d{1,10})$/.exec(text) ?? []
  return epoch && id ? { epoch, id } : undefined
}
