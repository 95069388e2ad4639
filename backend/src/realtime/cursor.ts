import { mostShards } from '../platform/shards.js'
import type { Position } from './log/position.js'

/** A client's position in the log's `epoch`. */
export interface Cursor {
  readonly epoch: string
  readonly position: Position
}

/** `epoch.id`, or `epoch.id_id_…` with an id per shard. */
export const encodeCursor = ({ epoch, position }: Cursor): string => `${epoch}.${position.join('_')}`

const form = new RegExp(String.raw`^([\w-]{8,64})\.(\d{1,15}-\d{1,10}(?:_\d{1,15}-\d{1,10}){0,${mostShards - 1}})$`)

/** @returns undefined where the text is no cursor: its owner is told to fetch all, like anyone whose cursor is too old */
export const parseCursor = (text: string): Cursor | undefined => {
  const [, epoch, ids] = form.exec(text) ?? []
  return epoch && ids ? { epoch, position: ids.split('_') } : undefined
}
