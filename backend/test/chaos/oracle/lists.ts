import type { Api } from '../clients/api.js'
import { readConversations, readMessages } from '../clients/refetch.js'
import type { Violation } from '../findings.js'
import type { Person } from '../scene.js'
import { ownSeq, type Truth } from './truth.js'

/** The lists of the REST interface say what the database has. */
export async function* checkLists(person: Person, api: Api, truth: Truth, signal: AbortSignal): AsyncGenerator<Violation> {
  const reader = { api, token: person.token }
  const listed = new Map((await readConversations(reader, signal)).map((conversation) => [conversation.id, conversation]))
  for (const stored of truth.values()) {
    const { id, members, messages } = stored
    const isMember = members.some(({ userId }) => userId === person.id)
    const conversation = listed.get(id)
    if (isMember !== (conversation !== undefined))
      yield { kind: 'rest', what: `${person.name} is ${isMember ? '' : 'not '}in ${id}; the list says otherwise`, conversationId: id }
    if (!conversation) continue
    const lastSeq = messages.at(-1)?.seq ?? 0
    if (conversation.lastSeq !== lastSeq)
      yield {
        kind: 'rest',
        what: `the list of ${person.name} has lastSeq ${conversation.lastSeq} for ${id}; it is ${lastSeq}`,
        conversationId: id,
      }
    const { unreadCount, my } = conversation
    const member = members.find(({ userId }) => userId === person.id)
    const most = Math.max(0, lastSeq - Math.max(member?.readSeq ?? 0, my.joinedSeq))
    const least = Math.min(most, lastSeq - ownSeq(stored, person.id))
    if (unreadCount !== undefined && (unreadCount < least || unreadCount > most))
      yield { kind: 'rest', what: `${person.name} has ${unreadCount} unread in ${id}; it is ${least} to ${most}`, conversationId: id }
    const read = (await readMessages(reader, id, signal)) ?? []
    const isSame =
      read.length === messages.length &&
      read.every((message, n) => message.id === messages[n]?.id && message.version === messages[n]?.version)
    if (!isSame)
      yield {
        kind: 'rest',
        what: `${person.name} reads ${read.length} messages of ${id}; there are ${messages.length}`,
        conversationId: id,
      }
  }
}
