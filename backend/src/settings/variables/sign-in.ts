import { z } from 'zod'
import { placesFile } from '../../platform/places.js'
import { duration, secret } from '../values.js'
import { type Variable, variable } from '../variable.js'

/** No secret holds a comma: `openssl rand -base64` makes none. */
const secrets = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(secret).max(10, 'at most ten'))

const pepper = z.string().min(32, 'at least 32 characters')

export const mostPreviousPeppers = 3

/** As `secrets`; `none` stands for hashes that were made without one. */
const peppers = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(z.union([z.literal('none'), pepper])).max(mostPreviousPeppers, 'at most three'))

export const signInVariables = {
  JWT_SECRET: variable('Sign-in', 'Signs access tokens; at least 32 characters: openssl rand -base64 48', '', secret, { secret: true }),
  JWT_PREVIOUS_SECRETS: variable(
    'Sign-in',
    'What JWT_SECRET was before, separated by commas: their tokens stay good. Take them out after ACCESS_TOKEN_TTL',
    '',
    secrets.default([]),
    { secret: true },
  ),
  JWT_ISSUER: variable('Sign-in', 'The iss of access tokens', 'heliograph', z.string().default('heliograph')),
  ACCESS_TOKEN_TTL: variable('Sign-in', 'How long an access token is good', '15m', duration.optional()),
  JWT_EXPIRES_IN: variable('Sign-in', 'Another name for ACCESS_TOKEN_TTL, which wins', '15m', duration.optional()),
  REFRESH_TOKEN_TTL: variable('Sign-in', 'How long a session lives unused', '30d', duration.default(30 * 86_400)),
  SESSION_MAX_TTL: variable('Sign-in', 'How long a session lives at most, however much it is used', '90d', duration.default(90 * 86_400)),
  WEB_SESSION_TTL: variable('Sign-in', 'How long a browser’s session lives unused', '8h', duration.default(8 * 3600)),
  WEB_SESSION_MAX_TTL: variable('Sign-in', 'How long a browser’s session lives at most', '7d', duration.default(7 * 86_400)),
  GEOIP_FILE: variable(
    'Sign-in',
    'A file in MaxMind DB format: tells people where their sessions are; read again when it changes',
    '',
    placesFile.optional(),
  ),
  AUTH_PEPPER: variable(
    'Sign-in',
    'Mixed into password hashes, and seals authenticators; at least 32 characters: openssl rand -base64 48. Change it with AUTH_PREVIOUS_PEPPERS',
    '',
    pepper.optional(),
    { secret: true },
  ),
  AUTH_PREVIOUS_PEPPERS: variable(
    'Sign-in',
    'What AUTH_PEPPER was before, separated by commas, none where there was none: what was hashed with them stays good, and is hashed anew when it is used. Three at most: each makes a wrong password take longer',
    '',
    peppers.default([]),
    { secret: true },
  ),
  PHONE_VERIFICATION: variable(
    'Sign-in',
    'Whether who registers must have proved the phone by a code: required (the default in production) or optional',
    'required',
    z.enum(['required', 'optional']).optional(),
  ),
  ACCOUNT_DELETION: variable(
    'Sign-in',
    'What becomes of the messages of who deletes their account: keep, as those of a deleted user, or remove',
    'keep',
    z.enum(['keep', 'remove']).default('keep'),
  ),
} satisfies Record<string, Variable>
