import { Contacts, PeopleService } from '../features/people/index.js'
import { ReportService } from '../features/reports/index.js'
import { Directory } from '../features/users/index.js'
import type { Administration } from './administration.js'
import type { Base } from './base.js'
import type { Conversations } from './conversations.js'
import type { Messaging } from './messaging.js'
import type { Presence } from './presence.js'
import type { Security } from './security.js'
import type { Users } from './users.js'

export type People = ReturnType<typeof createPeople>

/** What people see of each other, and whom they complain of. */
export const createPeople = (
  { config, logger, models }: Base,
  { users, shared, blocks }: Users,
  { memberships }: Conversations,
  { presence }: Presence,
  { messages }: Messaging,
  { audit }: Security,
  { administration }: Administration,
) => ({
  people: new PeopleService({
    users,
    directory: new Directory({ users: models.users }),
    blocks,
    contacts: new Contacts({ shared, hasWritten: (userId, conversationId) => messages.hasWritten(userId, conversationId) }),
    presence,
    logger,
  }),
  reports: new ReportService({
    reports: models.reports,
    listsFrom: config.mongo.listReadPreference,
    users,
    memberships,
    messages,
    administration,
    audit,
  }),
})
