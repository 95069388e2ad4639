import {
  AccountPasswords,
  AccountService,
  Lockout,
  OwnCredentials,
  PasswordPolicy,
  Passwords,
  Proof,
  SecondFactor,
  TotpService,
} from '../features/accounts/index.js'
import { CodeService, codeTextOf, Messenger, OneTimeCodes, OneTimeTokens, PhoneProof } from '../features/codes/index.js'
import { EmailService, PasswordReset, PhoneChange, textsOf } from '../features/identity/index.js'
import { Sealer } from '../platform/sealed.js'
import type { Base } from './base.js'
import type { Security } from './security.js'
import type { Sessions } from './sessions.js'
import type { Users } from './users.js'

export type Accounts = ReturnType<typeof createAccounts>

/** How people sign in, and what they sign in with. */
export const createAccounts = (
  { config, logger, models, redis, keyspace, deliveries }: Base,
  { audit }: Security,
  { users, identities }: Users,
  { sessions }: Sessions,
) => {
  const messenger = new Messenger({ deliveries, logger })
  const oneTimeCodes = new OneTimeCodes({ codes: models.codes, secret: config.pepper ?? config.tokens.key })
  const oneTimeTokens = new OneTimeTokens({ tokens: models.oneTimeTokens })
  const phoneProof = new PhoneProof({ identities, sessions, tokens: oneTimeTokens, audit })

  const passwords = new Passwords(config.pepper)
  const policy = new PasswordPolicy(config.passwords)
  const { preventReuseCount } = config.passwords
  const accountPasswords = new AccountPasswords({ users: models.users, passwords, policy, preventReuseCount })
  const lockout = new Lockout({ rules: config.accounts.lockout, redis: redis?.commands, keyspace, logger })
  const proof = new Proof({ passwords, accountPasswords, lockout, audit })
  const ownCredentials = new OwnCredentials({ users, sessions, audit, passwords: accountPasswords, proof })

  const sealingKeys = [config.tokens.key, ...config.tokens.previousKeys] as const
  const totpSealer = new Sealer(config.pepper ? [config.pepper, ...sealingKeys] : sealingKeys, 'totp')
  const secondFactor = new SecondFactor({ users: models.users, sealer: totpSealer, audit })
  const totp = new TotpService({
    users,
    model: models.users,
    sessions,
    sealer: totpSealer,
    audit,
    proof,
    lockout,
    secondFactor,
    issuer: config.appName,
    requiredOfAdmins: config.accounts.adminTotp === 'required',
  })

  const accounts = new AccountService({
    users,
    sessions,
    audit,
    passwords,
    accountPasswords,
    proof,
    secondFactor,
    redeemRegistration: async (token, phone) => (await oneTimeTokens.redeem('registration', token, phone)) !== undefined,
    phoneVerification: config.accounts.phoneVerification,
  })
  const codes = new CodeService({
    codes: oneTimeCodes,
    tokens: oneTimeTokens,
    proof: phoneProof,
    secondFactor,
    users,
    sessions,
    messenger,
    audit,
    codeText: codeTextOf(config.smsCodeText, config.appName),
  })

  const texts = textsOf({ app: config.appName, frontendUrl: config.frontendUrl })
  const known = { users, identities, sessions, audit, messenger, texts, codes: oneTimeCodes, tokens: oneTimeTokens, ownCredentials }
  return {
    passwords,
    policy,
    oneTimeCodes,
    oneTimeTokens,
    ownCredentials,
    totp,
    accounts,
    codes,
    emails: new EmailService(known),
    phoneChange: new PhoneChange(known),
    passwordReset: new PasswordReset({ ...known, proof: phoneProof, passwords: accountPasswords }),
  }
}
