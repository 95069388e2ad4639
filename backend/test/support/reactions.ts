import type { Person } from './people.js'
import type { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

const pathOf = (messageId: string, emoji: string): string => `/api/v1/messages/${messageId}/reactions/${encodeURIComponent(emoji)}`

export const react = (app: TestApp, person: Person, messageId: string, emoji: string) =>
  app.request.put(pathOf(messageId, emoji)).auth(person.accessToken, { type: 'bearer' })

export const unreact = (app: TestApp, person: Person, messageId: string, emoji: string) =>
  app.request.delete(pathOf(messageId, emoji)).auth(person.accessToken, { type: 'bearer' })

/** Emoji that differ: animals. */
export const someEmoji = (count: number): string[] => Array.from({ length: count }, (_, n) => String.fromCodePoint(0x1f400 + n))

/** What a stream told of reactions, in order: `added 👍 by <user id> v1`. */
export const reactionsTold = (stream: SseClient): string[] =>
  stream.events
    .filter(({ event }) => event.startsWith('reaction.'))
    .map(({ event, data }) => {
      const { emoji, userId, reactionsVersion } = Object(data)
      return `${event.slice('reaction.'.length)} ${emoji} by ${userId} v${reactionsVersion}`
    })
