import type { Variable } from './variable.js'
import { alertsVariables } from './variables/alerts.js'
import { appsVariables } from './variables/apps.js'
import { awsVariables } from './variables/aws.js'
import { backupsVariables } from './variables/backups.js'
import { limitsVariables } from './variables/limits.js'
import { messagesToPeopleVariables } from './variables/messages-to-people.js'
import { mongodbVariables } from './variables/mongodb.js'
import { passwordsVariables } from './variables/passwords.js'
import { redisVariables } from './variables/redis.js'
import { serverVariables } from './variables/server.js'
import { signInVariables } from './variables/sign-in.js'
import { tracingAndErrorsVariables } from './variables/tracing-and-errors.js'
import { uploadsVariables } from './variables/uploads.js'

/** Every variable that the server reads, in the order of `.env.example`. */
export const variables = {
  ...serverVariables,
  ...tracingAndErrorsVariables,
  ...mongodbVariables,
  ...redisVariables,
  ...signInVariables,
  ...messagesToPeopleVariables,
  ...awsVariables,
  ...uploadsVariables,
  ...passwordsVariables,
  ...alertsVariables,
  ...appsVariables,
  ...backupsVariables,
  ...limitsVariables,
} satisfies Record<string, Variable>
