import type { Config } from '../../config.js'
import { limitNames } from '../../http/limits-table.js'
import { mostBodyBytes } from '../../http/mount.js'
import { defaultPageSize, mostOfPage } from '../../http/page.js'
import { mostAdded, mostMembers } from '../conversations/index.js'
import { editableSeconds, mostAttachments, mostBytes, mostGraphemes, mostMentions } from '../messages/index.js'
import { mostInOnePut, ruleOf } from '../uploads/index.js'
import type { ClientConfig } from './schema.js'

/** Of the configuration, what is no secret and a client needs. */
export const viewClientConfig = ({
  server,
  accounts,
  passwords,
  tokens,
  sms,
  environment,
  eventLog,
  uploads,
  limits,
}: Config): ClientConfig => ({
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
  uploads: {
    attachment: viewRule('attachment', uploads),
    avatar: viewRule('avatar', uploads),
    maxAttachments: mostAttachments,
    maxBytesInOnePut: mostInOnePut,
    quotaBytes: uploads.quotaBytes,
    dailyBytes: uploads.dailyBytes,
  },
  groups: { maxMembers: mostMembers, maxAddedAtOnce: mostAdded },
  requests: { maxBodyBytes: mostBodyBytes, defaultPageSize, maxPageSize: mostOfPage },
  events: { keptSeconds: eventLog.ttlSeconds },
  limits: limitNames.flatMap((name) =>
    Object.entries(limits[name]).map(([by, { points, windowSeconds }]) => ({ name, by, requests: points, windowSeconds })),
  ),
})

const viewRule = (...rule: Parameters<typeof ruleOf>) => {
  const { mostBytes: maxBytes, types } = ruleOf(...rule)
  return { maxBytes, types: [...types] }
}
