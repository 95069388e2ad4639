import { randomUUID } from 'node:crypto'
import { Message } from '../clients/shapes.js'
import type { SentMessage } from '../ledger.js'
import type { Random } from '../random.js'
import { type Action, ask } from '../scene.js'

/** In repetitions of five characters: a message has at most 8,000. */
const long = { chance: 0.03, least: 200, most: 1500 }

/** Mostly a line, now and then pages. */
export const aText = (random: Random): string => {
  const mark = `${random.integer(0, 1e9)}`
  if (!random.chance(long.chance)) return `says ${mark}`
  return `${mark} ${'long '.repeat(random.integer(long.least, long.most))}`.trim()
}

export const send: Action = {
  name: 'send',
  weight: 60,
  async run(scene, person, random) {
    const mine = scene.ledger.conversationsOf(person.id)
    if (mine.length === 0) return
    const { id: conversationId } = random.pick(mine)
    const text = aText(random)
    const write = scene.ledger.begin()
    const clientId = randomUUID()
    const sent: SentMessage = { clientId, conversationId, senderId: person.id, contents: [{ text, write }] }
    scene.ledger.messages.set(clientId, sent)
    const call = { method: 'POST', path: `/conversations/${conversationId}/messages`, body: { clientId, text } } as const
    const answer = await ask(scene, person, call, write, [200, 201, 404]) // 404: taken out of it meanwhile
    if (!answer || answer.status === 404) return
    const stored = Message.parse(answer.body)
    sent.id = stored.id
    sent.seq = stored.seq
  },
}
