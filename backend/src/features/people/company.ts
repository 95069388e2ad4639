import type { Blocks } from '../blocks/index.js'
import type { SharedConversations } from '../conversations/index.js'
import type { Company } from '../users/index.js'

interface Dependencies {
  readonly shared: SharedConversations
  readonly blocks: Pick<Blocks, 'around'>
}

/** More people than these are told on the channels of the conversations, as something to fetch. */
const mostTold = 256
/** Of somebody in more conversations than these, those where nothing has happened for long are not told. */
const mostConversations = 1000

/** Who is told when a person's profile changes. */
export const companyOf =
  ({ shared, blocks }: Dependencies) =>
  async (userId: string): Promise<Company> => {
    const people = await shared.peopleAround(userId, { conversations: mostConversations, most: mostTold })
    if (!people) return { conversationIds: await shared.idsOf(userId, mostConversations) } // who was blocked and fetches finds nobody
    const { blocked } = await blocks.around(userId, people)
    return { userIds: people.filter((each) => !blocked.has(each)) }
  }
