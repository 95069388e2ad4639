import { basename } from 'node:path'
import { Leases } from '../realtime/leases.js'
import type { Server } from './database.js'
import { load } from './load.js'
import type { Manifest } from './manifest.js'
import type { Program } from './program.js'
import { restoreUploads } from './restore-uploads.js'
import { beginDeletions, contextOf, createUniqueIndexes, openContext, type Settling, settle } from './settling.js'
import { leavePlace, requireStopped, takePlace } from './target.js'

export interface Restoring extends Omit<Settling, 'db'> {
  readonly server: Server
  /** The archive, which was compared with its checksums. */
  readonly folder: string
  readonly manifest: Manifest
  readonly opening: Program | undefined
  /** The database that it is put into. */
  readonly into: string
  /** Where uploads are put back; undefined: nowhere. */
  readonly uploads: string | undefined
  /** Sessions stay as they were then, those that have ended since too. */
  readonly keepSessions: boolean
}

/** Where a restore goes where nothing else is said: the database's name, and the moment that it is as of. */
export const placeOf = ({ database }: Server, { begunAt }: Manifest): string =>
  `${database.slice(0, 38)}-${begunAt.slice(0, 19).replaceAll(/[-:]/g, '').toLowerCase()}z`

/** @throws BackupError where workers serve the database that is configured, or the one that the copy would be put into */
export const requireNobody = async ({ client, database }: Server, into: string): Promise<void> => {
  for (const name of new Set([database, into])) await requireStopped(client.db(name))
}

/**
 * Puts an archive into a database of its own, looks whether all is as it should be, and lets nothing outlive the old one that must not
 * (docs/restore.md). Whatever fails, the database that is in use is as it was; it can be begun again.
 * @throws BackupError naming what is wrong
 */
export const restoreBackup = async (restoring: Restoring): Promise<void> => {
  const { server, folder, manifest, opening, into, config, logger, by, tell, uploads, keepSessions } = restoring
  const db = server.client.db(into)
  const settling = { config, logger, db, by, tell }
  await takePlace(db, basename(folder))
  const context = contextOf(settling)
  try {
    await createUniqueIndexes(context, db)
    const workers = await load({ db, folder, opening, tell }, manifest)
    await openContext(context)
    await beginDeletions(db, new Date(manifest.begunAt))
    await settle(context, settling)
    await new Leases({ leases: () => db.collection('leases'), logger }).mourn([...workers, context.leases.worker])
    if (!keepSessions) await context.closing.endAllSessions(by)
    if (uploads !== undefined && (await restoreUploads(folder, manifest, opening, uploads))) tell(`uploads: in ${uploads}`)
    await context.audit.record({ action: 'backup.restored', outcome: 'done', ...by, target: { kind: 'backup', id: basename(folder) } })
    await leavePlace(db)
  } finally {
    await context.close()
  }
}
