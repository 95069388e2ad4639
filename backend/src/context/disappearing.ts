import { disappearingMessages, Often } from '../features/maintenance/index.js'
import { DueMessages } from '../features/messages/index.js'
import type { Base } from './base.js'
import type { Messaging } from './messaging.js'
import type { ContextTiming } from './timing.js'

/** What makes messages disappear when their time is over. */
export const createDisappearing = (
  { models, outbox, leases, logger }: Base,
  { messageOutbox: source }: Messaging,
  { disappearing }: ContextTiming,
) => {
  const dueMessages = new DueMessages({ messages: models.messages, outbox, source, worker: leases.worker })
  return { dueMessages, disappearing: new Often({ job: disappearingMessages(dueMessages), leases, logger, ...disappearing }) }
}
