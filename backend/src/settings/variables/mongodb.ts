import { z } from 'zod'
import { prefersAnother, readPreferences } from '../../platform/read-preference.js'
import { integer, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const mongodbVariables = {
  MONGO_URI: variable(
    'MongoDB',
    'Required in production',
    'mongodb://127.0.0.1:27017/heliograph',
    url(/^mongodb(\+srv)?:\/\/\S+$/, 'mongodb://127.0.0.1:27017/heliograph')
      .refine((uri) => !prefersAnother(uri), 'names a read preference; MONGO_READ_PREFERENCE has one for what may be read so')
      .optional(),
    { secret: true },
  ),
  MONGO_POOL_SIZE: variable('MongoDB', 'Connections of one worker', '10', integer(1, 1000).default(10)),
  MONGO_SELECTION_TIMEOUT_MS: variable('MongoDB', 'How long an operation waits for a server', '5000', integer(100, 60_000).default(5000)),
  MONGO_SOCKET_TIMEOUT_MS: variable('MongoDB', 'How long an answer may take', '45000', integer(1000, 600_000).default(45_000)),
  MONGO_READ_PREFERENCE: variable(
    'MongoDB',
    'Where searches of messages, and administrators’ lists of people and reports, are read: primary, primaryPreferred, secondary, secondaryPreferred or nearest. All else is read from the primary',
    'primary',
    z.enum(readPreferences).default('primary'),
  ),
} satisfies Record<string, Variable>
