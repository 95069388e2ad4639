import { type Action, ask } from '../scene.js'
import { aMessage } from './own-message.js'

export const deleteForAll: Action = {
  name: 'delete for all',
  weight: 5,
  async run(scene, person, random) {
    const anyones = random.chance(0.3)
    const sent = aMessage(scene, person, random, ({ senderId, conversationId }) => {
      return senderId === person.id || (anyones && scene.ledger.conversations.get(conversationId)?.ownerId === person.id)
    })
    if (!sent) return
    const write = scene.ledger.begin()
    sent.contents.push({ text: null, write })
    // 403: the conversation is direct, or another's by now; 404: as for an edit
    await ask(scene, person, { method: 'DELETE', path: `/messages/${sent.id}?scope=all` }, write, [200, 403, 404])
  },
}
