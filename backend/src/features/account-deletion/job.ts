import { z } from 'zod'
import { Problem } from '../../http/problem.js'
import type { BlockService } from '../blocks/index.js'
import type { MemberService, Memberships } from '../conversations/index.js'
import type { JobHandler, JobRun } from '../jobs/index.js'
import type { MessagesOfOne } from '../messages/index.js'
import type { ReceiptService } from '../receipts/index.js'
import type { SessionService } from '../sessions/index.js'
import type { UploadsOfOne } from '../uploads/index.js'
import type { UserClosing } from '../users/index.js'
import type { Closing } from './closing.js'

interface Dependencies {
  readonly closing: Closing
  readonly users: Pick<UserClosing, 'told'>
  readonly memberships: Pick<Memberships, 'groupsOf'>
  readonly members: Pick<MemberService, 'leave'>
  readonly messages: Pick<MessagesOfOne, 'eraseNext'>
  readonly blocks: Pick<BlockService, 'forgetOf'>
  readonly receipts: Pick<ReceiptService, 'forgetOf'>
  readonly sessions: Pick<SessionService, 'forgetDevices'>
  /** What else a person has that goes with them. */
  readonly removeExports: (userId: string) => Promise<void>
  /** Lets go of their files: those that nothing shows any more are removed. */
  readonly uploads: Pick<UploadsOfOne, 'forget'>
  /** Whether their messages go with them. */
  readonly removesMessages: boolean
}

/** How far down their messages are erased. */
const State = z.object({ erasedTo: z.date().optional() })
type State = z.infer<typeof State>

const groupsAtOnce = 20
const mostRounds = 1000
const messagesAtOnce = 20
const percent = { closed: 10, told: 20, left: 40, erasing: 50, cleared: 90 } as const
/** With an hour between the last ones: for longer than anything is away. */
const mostAttempts = 400

/** What becomes of all that a deleted person was in, had and said. Each step may be done again, and finds what is left of it. */
export const accountDeletionJob = (deps: Dependencies): JobHandler => {
  const leaveGroups = async (userId: string, run: JobRun, state: State): Promise<void> => {
    for (let round = 0; round < mostRounds; round++) {
      const groups = await deps.memberships.groupsOf(userId, groupsAtOnce)
      for (const group of groups) {
        await leaveOne(deps.members, userId, group)
        await run.save(state, percent.told)
      }
      if (groups.length < groupsAtOnce) return
    }
    throw new Error('They are in more groups still')
  }

  const eraseMessages = async (userId: string, run: JobRun, before: State): Promise<void> => {
    let { erasedTo } = before
    for (;;) {
      const next = await deps.messages.eraseNext(userId, erasedTo, messagesAtOnce)
      if (!next && !erasedTo) return
      erasedTo = next // at the end once more from the top: something may have been on its way when the account was closed
      await run.save((erasedTo ? { erasedTo } : {}) satisfies State, percent.erasing) // undefined would come back as null
    }
  }

  return {
    kind: 'account_deletion',
    mostAttempts,

    async work(run): Promise<void> {
      const userId = run.job.userId.toHexString()
      const state = State.parse(run.job.state ?? {})
      await deps.closing.close(userId)
      await run.save(state, percent.closed)
      await deps.users.told(userId) // those in the groups, too
      await run.save(state, percent.told)
      await leaveGroups(userId, run, state)
      await run.save(state, percent.left)
      if (deps.removesMessages) await eraseMessages(userId, run, state)
      await deps.blocks.forgetOf(userId)
      await deps.removeExports(userId)
      await deps.uploads.forget(userId) // after the messages and the avatar that showed them
      await deps.sessions.forgetDevices(userId)
      await deps.receipts.forgetOf(userId) // after all that they could still have sent
      await run.save({}, percent.cleared)
      await leaveGroups(userId, run, {}) // where somebody was adding them as they went
    },
  }
}

const leaveOne = async (members: Pick<MemberService, 'leave'>, userId: string, conversationId: string): Promise<void> => {
  try {
    await members.leave({ userId, sessionId: userId }, conversationId)
  } catch (error) {
    if (!(error instanceof Problem && error.code === 'not_found')) throw error // else it was done before
  }
}
