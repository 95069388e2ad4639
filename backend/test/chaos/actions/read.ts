import { type Action, ask } from '../scene.js'

export const read: Action = {
  name: 'read',
  weight: 12,
  async run(scene, person, random) {
    const mine = scene.ledger.conversationsOf(person.id)
    const device = random.pick(person.devices)
    if (mine.length === 0) return
    const { id: conversationId } = random.pick(mine)
    const shown = [...(device.view.conversations.get(conversationId)?.messages.keys() ?? [])]
    const readSeq = Math.max(0, ...shown)
    if (readSeq === 0) return
    const receipt = { conversationId, userId: person.id, readSeq, write: scene.ledger.begin() }
    scene.ledger.receipts.push(receipt)
    const call = { method: 'POST', path: `/conversations/${conversationId}/receipts`, body: { readSeq } } as const
    // 404: taken out of it meanwhile; 400: a restore took back what was read
    const answer = await ask(scene, person, call, receipt.write, [204, 404, 400])
    if (answer?.status === 400 && scene.ledger.restores.length === 0)
      scene.findings.add({ kind: 'error', what: `what was shown may not be read: ${JSON.stringify(answer.body)}`, conversationId })
  },
}
