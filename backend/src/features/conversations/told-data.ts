import type { OutboxEntry } from '../../realtime/outbox-entry.js'
import { joinIds } from './change.js'
import type { Member } from './model.js'

/** An event that more people than these would be told of on their own channels is told on the conversation's, as something to fetch. */
const mostTold = 256

/**
 * Who is told on their own channel is settled with the change, not when it is told: a worker that comes late with an older copy of the
 * document must find all that it would tell in the log already, else it would tell somebody who is gone. Empty where they are too many.
 */
export const recipientsOf = (members: readonly Pick<Member, 'userId'>[]): { userIds?: string } =>
  members.length > mostTold ? {} : { userIds: joinIds(members) }

/** The ids that an entry carries; undefined where it carries none. */
export const userIdsOf = ({ data }: Pick<OutboxEntry, 'data'>): string[] | undefined => data?.['userIds']?.split(' ')
