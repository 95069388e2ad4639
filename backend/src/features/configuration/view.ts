import type { Config } from '../../config.js'
import { limitNames } from '../../http/limits-table.js'
import { mostBodyBytes } from '../../http/mount.js'
import { defaultPageSize, mostOfPage } from '../../http/page.js'
import { mostAdded, mostMembers } from '../conversations/index.js'
import { editableSeconds, mostBytes, mostGraphemes, mostMentions } from '../messages/index.js'
import type { ClientConfig } from './schema.js'

/** Of the configuration, what is no secret and a client needs. */
export const viewClientConfig = ({ server, accounts, passwords, tokens, sms, environment, eventLog, limits }: Config): ClientConfig => ({
  version: server.version,
  signIn: {
    methods: sms || environment !== 'production' ? ['password', 'code', 'qr'] : ['password', 'qr'],
    phoneVerification: accounts.phoneVerification,
  },
  password: {
    minLength: passwords.minLength,
    maxLength: passwords.maxLength,
    requireUppercase: passwords.requireUppercase,
    requireLowercase: passwords.requireLowercase,
    requireDigits: passwords.requireDigits,
    requireSpecial: passwords.requireSpecial,
  },
  tokens: {
    accessSeconds: tokens.accessTtlSeconds,
    refreshSeconds: tokens.refreshTtlSeconds,
    sessionSeconds: tokens.sessionMaxTtlSeconds,
    web: { refreshSeconds: tokens.web.refreshTtlSeconds, sessionSeconds: tokens.web.sessionMaxTtlSeconds },
  },
  messages: { maxCharacters: mostGraphemes, maxBytes: mostBytes, maxMentions: mostMentions, editableSeconds },
  groups: { maxMembers: mostMembers, maxAddedAtOnce: mostAdded },
  requests: { maxBodyBytes: mostBodyBytes, defaultPageSize, maxPageSize: mostOfPage },
  events: { keptSeconds: eventLog.ttlSeconds },
  limits: limitNames.flatMap((name) =>
    Object.entries(limits[name]).map(([by, { points, windowSeconds }]) => ({ name, by, requests: points, windowSeconds })),
  ),
})
