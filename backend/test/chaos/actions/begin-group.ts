import { z } from 'zod'
import type { KnownConversation, Write } from '../ledger.js'
import { type Action, ask, type Person, type Scene } from '../scene.js'

const Created = z.object({ id: z.string() })
const mostConversations = 40

/** Begins a conversation, and knows it from then on. A retried one may leave another behind that nobody uses. */
export const beginConversation = async (
  scene: Scene,
  owner: Person,
  others: readonly Person[],
  type: 'direct' | 'group',
): Promise<void> => {
  const write: Write = scene.ledger.begin()
  const memberIds = others.map(({ id }) => id)
  const body = type === 'direct' ? { type, userId: memberIds[0] } : { type, name: `The hill of ${owner.name}`, memberIds }
  const answer = await ask(scene, owner, { method: 'POST', path: '/conversations', body }, write, [200, 201])
  if (!answer) return
  const { id } = Created.parse(answer.body)
  const stays: KnownConversation['stays'] = new Map([owner, ...others].map((member) => [member.id, [{ added: write }]]))
  if (!scene.ledger.conversations.has(id)) scene.ledger.conversations.set(id, { id, type, ownerId: owner.id, stays, busy: new Set() })
}

export const beginGroup: Action = {
  name: 'begin a group',
  weight: 1,
  async run(scene, person, random) {
    if (scene.ledger.conversations.size >= mostConversations) return
    const others = scene.people.filter(({ id }) => id !== person.id && random.chance(0.4))
    if (others.length > 0) await beginConversation(scene, person, others, 'group')
  },
}
