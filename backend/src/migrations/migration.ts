import type { mongo } from 'mongoose'

/** What a migration has at hand while it runs. */
export interface MigrationTools {
  readonly db: mongo.Db
  /** What was kept by an attempt that was cut short; undefined where there was none. */
  readonly position: unknown
  /** Keeps how far it is, for the next attempt should this one be cut short. */
  readonly keep: (position: unknown) => Promise<void>
  /** Asked before each batch. @throws MigrationError where it is to stop: told to, or the lock is lost */
  readonly goOn: () => Promise<void>
  /** A line for who waits. */
  readonly tell: (line: string) => void
}

/**
 * A change of what is stored, once, forward. It is run while workers serve, of this version and of the one before: it must let both go on
 * (docs/adr/0017-migrations.md). It may be cut short anywhere and is then run again: what it has done already it finds done. It goes in batches.
 */
export interface Migration {
  /** Its place: 1, 2, 3. Never used again. */
  readonly number: number
  readonly name: string
  /** What it does, in a line. */
  readonly about: string
  /** How many documents it has to do with; at most 10 s are spent on finding out. @throws where that is not enough */
  left(db: mongo.Db): Promise<number>
  run(tools: MigrationTools): Promise<void>
}

/** As its file is called. */
export const titleOf = ({ number, name }: Pick<Migration, 'number' | 'name'>): string => `${String(number).padStart(4, '0')}-${name}`

/** Why there is no going on, for who runs it. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError'
}
