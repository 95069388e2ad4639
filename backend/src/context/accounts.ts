import type { KeyObject } from 'node:crypto'
import type { Config } from '../config.js'
import {
  AccountPasswords,
  AccountService,
  Lockout,
  OwnCredentials,
  PasswordPolicy,
  Passwords,
  Proof,
  resealAuthenticators,
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
  const secrets = secretsOf(config)
  const oneTimeCodes = new OneTimeCodes({ codes: models.codes, secrets })
  const oneTimeTokens = new OneTimeTokens({ tokens: models.oneTimeTokens })
  const phoneProof = new PhoneProof({ identities, sessions, tokens: oneTimeTokens, audit })

  const passwords = new Passwords(config.pepper, config.previousPeppers)
  const policy = new PasswordPolicy(config.passwords)
  const { preventReuseCount } = config.passwords
  const accountPasswords = new AccountPasswords({ users: models.users, passwords, policy, preventReuseCount })
  const lockout = new Lockout({ rules: config.accounts.lockout, redis: redis?.commands, keyspace, logger })
  const proof = new Proof({ passwords, accountPasswords, lockout, audit })
  const ownCredentials = new OwnCredentials({ users, sessions, audit, passwords: accountPasswords, proof })

  const totpSealer = new Sealer(secrets, 'totp')
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
    phoneProof,
    ownCredentials,
    totp,
    accounts,
    codes,
    emails: new EmailService(known),
    phoneChange: new PhoneChange(known),
    resealAuthenticators: () => resealAuthenticators(models.users, totpSealer),
    passwordReset: new PasswordReset({ ...known, proof: phoneProof, passwords: accountPasswords }),
  }
}

/** What is hashed and sealed under: the pepper, else what signs tokens; then all that may have been in its place. */
const secretsOf = ({ pepper, previousPeppers, tokens }: Config): readonly [KeyObject, ...KeyObject[]] => {
  const former = [...previousPeppers.filter((each) => each !== undefined), ...tokens.previousKeys]
  return pepper ? [pepper, ...former, tokens.key] : [tokens.key, ...former]
}
