import { AccountDeletion, accountDeletionJob, Closing } from '../features/account-deletion/index.js'
import {
  contentsOf,
  type ExportPartDocument,
  ExportParts,
  ExportService,
  exportJob,
  filesOf,
  rowsIn,
  tellExport,
} from '../features/exports/index.js'
import { defaultJobTimes, type JobDocument, JobRunner, JobStore, jobSource } from '../features/jobs/index.js'
import { MessagesOfOne } from '../features/messages/index.js'
import type { Accounts } from './accounts.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { Messaging } from './messaging.js'
import type { Security } from './security.js'
import type { Sessions } from './sessions.js'
import type { ContextTiming } from './timing.js'
import type { UploadUsesContext } from './uploads.js'
import type { Users } from './users.js'

export type Jobs = ReturnType<typeof createJobs>

/** What takes longer than a request: deleting accounts, exporting what is kept of somebody. */
export const createJobs = (
  { config, logger, collection, models, outbox, leases: { worker } }: Base,
  { audit }: Security,
  { users, userClosing, blockService }: Users,
  { sessions }: Sessions,
  { ownCredentials, oneTimeCodes, oneTimeTokens }: Accounts,
  { memberships, members }: Conversations,
  { receipts, messageOutbox }: Messaging,
  { uploadsOfOne: uploads }: UploadUsesContext,
  { jobs: givenTimes }: ContextTiming,
) => {
  const times = { ...defaultJobTimes, ...givenTimes }
  const jobs = new JobStore({ jobs: () => collection<JobDocument>('jobs'), leaseMs: times.leaseMs })
  const jobOutbox = jobSource({ collection: () => collection<JobDocument>('jobs'), tell: tellExport })

  const exportParts = new ExportParts({ parts: () => collection<ExportPartDocument>('export_parts') })
  const exports = new ExportService({ jobs, runner: () => jobRunner, parts: exportParts })
  const closing = new Closing({ users: userClosing, sessions, tokens: oneTimeTokens })

  const messagesOfOne = new MessagesOfOne({ messages: models.messages, outbox, source: messageOutbox, worker })
  const handlers = [
    accountDeletionJob({
      closing,
      users: userClosing,
      memberships,
      members,
      messages: messagesOfOne,
      blocks: blockService,
      receipts,
      sessions,
      uploads,
      removeExports: (userId) => exports.removeAll(userId),
      removesMessages: config.accounts.deletion === 'remove',
    }),
    exportJob({ users, contents: contentsOf(models, filesOf({ uploads })), rowsOf: rowsIn(models), parts: exportParts }),
  ]
  const jobRunner: JobRunner = new JobRunner({ store: jobs, handlers, outbox, source: jobOutbox, worker, logger, times })
  const accountDeletion = new AccountDeletion({
    users,
    model: models.users,
    ownCredentials,
    codes: oneTimeCodes,
    closing,
    jobs,
    runner: jobRunner,
    audit,
  })
  return { messagesOfOne, jobOutbox, jobRunner, exports, accountDeletion }
}
