import type { SharedConversations } from '../conversations/index.js'
import type { Company } from '../users/index.js'

interface Dependencies {
  readonly shared: SharedConversations
}

/** More people than these are told on the channels of the conversations, as something to fetch. */
const mostTold = 256
/** Of somebody in more conversations than these, those where nothing has happened for long are not told. */
const mostConversations = 1000

/** Who is told when a person's profile changes. */
export const companyOf =
  ({ shared }: Dependencies) =>
  async (userId: string): Promise<Company> => {
    const people = await shared.peopleAround(userId, { conversations: mostConversations, most: mostTold })
    return people ? { userIds: people } : { conversationIds: await shared.idsOf(userId, mostConversations) }
  }
