import type { KnownConversation, Stay } from '../ledger.js'
import type { Random } from '../random.js'
import { type Action, ask, type Person, type Scene } from '../scene.js'

const groupsOf = (scene: Scene, person: Person, isOwned: boolean): KnownConversation[] =>
  scene.ledger.conversationsOf(person.id).filter(({ type, ownerId }) => type === 'group' && (ownerId === person.id) === isOwned)

/** One change of somebody's membership at a time, so that the ledger knows what came after what. */
const alone = async ({ busy }: KnownConversation, userId: string, change: () => Promise<void>): Promise<void> => {
  if (busy.has(userId)) return
  busy.add(userId)
  await change()
  busy.delete(userId)
}

export const addMember: Action = {
  name: 'add a member',
  weight: 4,
  async run(scene, person, random) {
    const owned = groupsOf(scene, person, true)
    if (owned.length === 0) return
    const conversation = random.pick(owned)
    const members = scene.ledger.membersOf(conversation)
    const strangers = scene.people.filter(({ id }) => !members.includes(id))
    if (strangers.length === 0) return
    const { id } = random.pick(strangers)
    await alone(conversation, id, async () => {
      const stays = conversation.stays.get(id) ?? []
      if (stays.at(-1)?.removed?.ackedAt === undefined && stays.length > 0) return
      const stay: Stay = { added: scene.ledger.begin() }
      conversation.stays.set(id, [...stays, stay])
      const call = { method: 'POST', path: `/conversations/${conversation.id}/members`, body: { userIds: [id] } } as const
      await ask(scene, person, call, stay.added, [200, 404]) // 404: a restore took the group back
    })
  },
}

/** Takes somebody out: 404 is the answer to a retry of what was done, and after a restore. */
const takeOut = (scene: Scene, by: Person, conversation: KnownConversation, userId: string): Promise<void> =>
  alone(conversation, userId, async () => {
    const stay = conversation.stays.get(userId)?.at(-1)
    if (!stay?.added.ackedAt || stay.removed) return
    const write = scene.ledger.begin()
    stay.removed = write
    const path = `/conversations/${conversation.id}`
    const call =
      by.id === userId
        ? ({ method: 'POST', path: `${path}/leave`, body: {} } as const)
        : ({ method: 'DELETE', path: `${path}/members/${userId}` } as const)
    const answer = await ask(scene, by, call, write, [204, 404])
    if (answer?.status === 404) write.ackedAt = Date.now()
  })

const oneOfThem = (scene: Scene, conversation: KnownConversation, random: Random): string | undefined => {
  const others = scene.ledger.membersOf(conversation).filter((id) => id !== conversation.ownerId)
  return others.length === 0 ? undefined : random.pick(others)
}

export const removeMember: Action = {
  name: 'remove a member',
  weight: 2,
  async run(scene, person, random) {
    const owned = groupsOf(scene, person, true)
    if (owned.length === 0) return
    const conversation = random.pick(owned)
    const userId = oneOfThem(scene, conversation, random)
    if (userId !== undefined) await takeOut(scene, person, conversation, userId)
  },
}

export const leave: Action = {
  name: 'leave',
  weight: 1.5,
  async run(scene, person, random) {
    const others = groupsOf(scene, person, false)
    if (others.length > 0) await takeOut(scene, person, random.pick(others), person.id)
  },
}
