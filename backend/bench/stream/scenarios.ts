import type { Delivery } from './delivery.js'
import type { Idle } from './idle.js'
import type { Reconnect } from './reconnect.js'

const inOneConversation = (sessionsEach: number) => ({ users: 1000, sessionsEach, conversations: 1, membersEach: 1000 })
const broadcast = { contenders: ['ours', 'naive', 'bare'], workers: 1, burst: 1, rounds: 5, seconds: 3, warmUpSeconds: 2 } as const

export const deliveries: readonly Delivery[] = [
  {
    ...broadcast,
    name: 'broadcast-1000',
    about: 'one conversation to 1,000 streams, 20 messages/s',
    population: inOneConversation(1),
    turnsPerSecond: 20,
    goals: { naive: 1.2, bare: 0.85 },
  },
  {
    ...broadcast,
    name: 'broadcast-5000',
    about: 'one conversation to 5,000 streams, 4 messages/s',
    population: inOneConversation(5),
    turnsPerSecond: 4,
    goals: { naive: 1.4, bare: 0.85 },
  },
  {
    ...broadcast,
    name: 'bursts',
    about: '16 messages at once to 1,000 streams, 2 times/s',
    population: inOneConversation(1),
    turnsPerSecond: 2,
    burst: 16,
    goals: { naive: 3.5 },
  },
  {
    name: 'chat',
    about: '2,000 people in 500 conversations of 8, 2 workers, 24,000 events/s',
    contenders: ['ours', 'naive'],
    workers: 2,
    population: { users: 2000, sessionsEach: 1, conversations: 500, membersEach: 8 },
    turnsPerSecond: 1500,
    burst: 1,
    rounds: 4,
    seconds: 4,
    warmUpSeconds: 3,
    goals: { naive: 1.6 },
    p99Ms: 5,
  },
]

const fiveConversations = { users: 10_000, sessionsEach: 1, conversations: 6250, membersEach: 8 }
const hundredConversations = { users: 2000, sessionsEach: 5, conversations: 10_000, membersEach: 20 }

export const idles: readonly Idle[] = [
  { about: 'ours, 5 conversations', contender: 'ours', population: fiveConversations, goalBytes: 14_000 },
  { about: 'ours, 100 conversations', contender: 'ours', population: hundredConversations },
  { about: 'naive, 5 conversations', contender: 'naive', population: fiveConversations },
]

/** Each person is in two conversations, and misses ten messages of each. */
export const reconnect: Reconnect = {
  population: { users: 5000, sessionsEach: 1, conversations: 1250, membersEach: 8 },
  messagesPerConversation: 10,
  rounds: 3,
}
