import { JobFailure, type JobHandler } from '../jobs/index.js'
import type { UserService } from '../users/index.js'
import { inPieces, zipOf } from './archive.js'
import type { Contents } from './contents.js'
import type { ExportParts } from './parts.js'
import type { ExportState } from './state.js'

interface Dependencies {
  readonly users: Pick<UserService, 'unknownAmong'>
  readonly contents: Contents
  /** About how many rows a person's contents have. */
  readonly rowsOf: (userId: string) => Promise<number>
  readonly parts: ExportParts
}

const partBytes = 512 * 1024
/** What one person's export may take of the database, compressed. */
const mostBytes = 1024 ** 3
const mostAttempts = 8
const almostDone = 99

/** Makes a person's export. A zip cannot be gone on with: whoever takes the job over begins anew, in parts of its own. */
export const exportJob = ({ users, contents, rowsOf, parts }: Dependencies): JobHandler => ({
  kind: 'export',
  mostAttempts,
  endEvent: 'export.ready',

  async work(run): Promise<void> {
    const { _id: exportId, userId, attempts: attempt } = run.job
    const written = { exportId, attempt }
    const id = userId.toHexString()
    if ((await users.unknownAmong([id])).length > 0) throw new JobFailure('The account is deleted')
    await parts.removeOthers(written)
    const total = await rowsOf(id)
    let [size, index, rows] = [0, 0, 0]
    const files = contents(id, () => {
      rows += 1
    })
    for await (const piece of inPieces(zipOf(files), partBytes)) {
      size += piece.length
      if (size > mostBytes) throw new JobFailure(`An export has at most ${mostBytes} bytes`)
      const state: ExportState = { attempt, size }
      await run.save(state, Math.min(almostDone, Math.floor((100 * rows) / Math.max(1, total)))) // before the part: whose job it is not any more writes none
      await parts.add(written, index, piece)
      index += 1
    }
  },
})
