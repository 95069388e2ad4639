import type { SentMessage } from '../ledger.js'
import type { Random } from '../random.js'
import type { Person, Scene } from '../scene.js'

/** A message that was acknowledged, is not being deleted, and is in a conversation that this person is in. */
const isThere = (scene: Scene, person: Person, { conversationId, id, contents }: SentMessage): boolean => {
  const conversation = scene.ledger.conversations.get(conversationId)
  if (id === undefined || !conversation || contents.some(({ text }) => text === null)) return false
  return scene.ledger.membersOf(conversation).includes(person.id)
}

const recent = 20

/** One of the newest messages that a person may do something to; undefined where there is none. */
export const aMessage = (
  scene: Scene,
  person: Person,
  random: Random,
  isChosen: (sent: SentMessage) => boolean,
): SentMessage | undefined => {
  const there = [...scene.ledger.messages.values()].filter((sent) => isChosen(sent) && isThere(scene, person, sent)).slice(-recent)
  return there.length === 0 ? undefined : random.pick(there)
}
