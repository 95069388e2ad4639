import { randomUUID } from 'node:crypto'
import { Message } from '../clients/shapes.js'
import type { SentMessage } from '../ledger.js'
import type { Random } from '../random.js'
import { type Action, ask } from '../scene.js'

const long = { chance: 0.03, leastBytes: 5000, mostBytes: 30_000 }

/** Mostly a line, now and then pages. */
export const aText = (random: Random): string => {
  const mark = `${random.integer(0, 1e9)}`
  return random.chance(long.chance) ? `${mark} ${'long '.repeat(random.integer(long.leastBytes, long.mostBytes) / 5 / 5)}` : `says ${mark}`
}

export const send: Action = {
  name: 'send',
  weight: 60,
  async run(scene, person, random) {
    const mine = scene.ledger.conversationsOf(person.id)
    if (mine.length === 0) return
    const { id: conversationId } = random.pick(mine)
    const text = aText(random).trim()
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
