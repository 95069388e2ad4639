import { z } from 'zod'
import { flag, integer } from '../values.js'
import { type Variable, variable } from '../variable.js'

export const passwordsVariables = {
  PASSWORD_MIN_LENGTH: variable('Passwords', 'In characters', '12', integer(8, 64).default(12)),
  PASSWORD_MAX_LENGTH: variable('Passwords', 'In characters', '128', integer(64, 512).default(128)),
  PASSWORD_REQUIRE_UPPERCASE: variable('Passwords', 'At least one uppercase letter', 'true', flag.default(true)),
  PASSWORD_REQUIRE_LOWERCASE: variable('Passwords', 'At least one lowercase letter', 'true', flag.default(true)),
  PASSWORD_REQUIRE_DIGITS: variable('Passwords', 'At least one digit', 'true', flag.default(true)),
  PASSWORD_REQUIRE_SPECIAL: variable('Passwords', 'At least one character that is neither', 'true', flag.default(true)),
  PASSWORD_PREVENT_REUSE_COUNT: variable(
    'Passwords',
    'Of so many passwords, the present one among them, none may come again',
    '10',
    integer(0, 24).default(10),
  ),
  PASSWORD_MAX_AGE_DAYS: variable(
    'Passwords',
    'After so many days another one has to be chosen; 0 = never',
    '0',
    integer(0, 3650).default(0),
  ),
  MAX_LOGIN_ATTEMPTS: variable(
    'Passwords',
    'Wrong passwords for an account from an address, then none is judged',
    '5',
    integer(1, 1_000_000).default(5),
  ),
  LOCKOUT_DURATION_MINUTES: variable('Passwords', 'For how long none is judged then', '30', integer(1, 1440).default(30)),
  ADMIN_TOTP: variable(
    'Passwords',
    'Whether administrators must have an authenticator: required or optional',
    'optional',
    z.enum(['required', 'optional']).default('optional'),
  ),
} satisfies Record<string, Variable>
