import type { Mail } from '../../platform/mail/mailer.js'

type Text = Omit<Mail, 'to'>

/** What people are told by SMS and mail about what they are known by. */
export interface Texts {
  verifyEmail(token: string): Text
  emailChanged(): Text
  emailAdded(): string
  resetByMail(token: string): Text
  resetBySms(code: string): string
  phoneChanged(): string
}

/** @param frontendUrl where links lead, without a slash at its end */
export const textsOf = ({ app, frontendUrl }: { readonly app: string; readonly frontendUrl: string }): Texts => ({
  verifyEmail: (token) => ({
    kind: 'VERIFY',
    subject: `Your e-mail address for ${app}`,
    text: `Open this link within a day to use this address with ${app}:\n\n${frontendUrl}/verify-email?token=${token}\n\nIf you have not asked for it, ignore this mail.\n`,
  }),
  emailChanged: () => ({
    kind: 'CHANGE',
    subject: `Your ${app} account has another e-mail address`,
    text: `This address is not that of your ${app} account any more. If that was not you, sign in and change your password.\n`,
  }),
  emailAdded: () => `Your ${app} account has an e-mail address now. If that was not you, choose a new password by a code to this phone.`,
  resetByMail: (token) => ({
    kind: 'RESET',
    subject: `A new password for ${app}`,
    text: `Open this link within an hour to choose a new password for ${app}:\n\n${frontendUrl}/reset-password?token=${token}\n\nIf you have not asked for it, ignore this mail: nothing has changed.\n`,
  }),
  resetBySms: (code) => `${code} lets you choose a new ${app} password. Give it to nobody.`,
  phoneChanged: () => `Your ${app} account has another phone number now. If that was not you, contact support.`,
})
