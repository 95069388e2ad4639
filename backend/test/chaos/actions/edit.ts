import type { Content } from '../ledger.js'
import { type Action, ask } from '../scene.js'
import { aMessage } from './own-message.js'
import { aText } from './send.js'

export const edit: Action = {
  name: 'edit',
  weight: 12,
  async run(scene, person, random) {
    const sent = aMessage(scene, person, random, ({ senderId }) => senderId === person.id)
    if (!sent) return
    const content: Content = { text: aText(random), write: scene.ledger.begin() }
    sent.contents.push(content)
    // 404: one is not in the conversation any more, or a restore took the message back; 409: it was deleted meanwhile
    await ask(
      scene,
      person,
      { method: 'PATCH', path: `/messages/${sent.id}`, body: { text: content.text } },
      content.write,
      [200, 404, 409],
    )
  },
}
