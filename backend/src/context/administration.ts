import { AdministrationService, AdministratorsService, ClosingService } from '../features/admin/index.js'
import { Maintenance, type MaintenanceDocument, orphanedSessions, voidSessions } from '../features/maintenance/index.js'
import type { Accounts } from './accounts.js'
import type { Base } from './base.js'
import type { Security } from './security.js'
import type { Sessions } from './sessions.js'
import type { Users } from './users.js'

export type Administration = ReturnType<typeof createAdministration>

/** What administrators do, and what is tidied by itself. */
export const createAdministration = (
  { config, logger, collection, models, leases }: Base,
  { audit, admission }: Security,
  { users }: Users,
  { sessions }: Sessions,
  { policy, passwords, phoneProof }: Accounts,
) => ({
  closing: new ClosingService({ admission, audit }),
  administration: new AdministrationService({
    users: models.users,
    sessions,
    sessionModel: models.sessions,
    audit,
    listsFrom: config.mongo.listReadPreference,
  }),
  administrators: new AdministratorsService({
    users,
    phoneProof,
    model: models.users,
    sessions,
    audit,
    policy,
    hashPassword: (password) => passwords.hash(password),
  }),
  maintenance: new Maintenance({
    maintenance: () => collection<MaintenanceDocument>('maintenance'),
    leases,
    jobs: [
      voidSessions({ sessions: models.sessions, sessionsValidFrom: () => admission.state.sessionsValidFrom }),
      orphanedSessions({ sessions: models.sessions, users: models.users, ending: sessions }),
    ],
    logger,
  }),
})
