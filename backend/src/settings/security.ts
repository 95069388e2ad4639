import { createSecretKey, type KeyObject } from 'node:crypto'
import type { z } from 'zod'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** Who is alarmed, beside the log. */
export interface SecuritySettings {
  readonly webhook: { readonly url: string; readonly secret: KeyObject } | undefined
  readonly alertEmail: string | undefined
}

export const securityFaults = ({ SECURITY_WEBHOOK_URL: url, SECURITY_WEBHOOK_SECRET: secret, ...values }: Partial<Values>): string[] => {
  const faults: string[] = []
  if (!url !== !secret)
    faults.push(`${url ? 'SECURITY_WEBHOOK_SECRET' : 'SECURITY_WEBHOOK_URL'}: is required with the other one of the two`)
  if (values.SECURITY_ALERT_EMAIL && !values.SMTP_HOST && values.NODE_ENV === 'production')
    faults.push('SMTP_HOST: is required with SECURITY_ALERT_EMAIL')
  return faults
}

export const securityOf = ({
  SECURITY_WEBHOOK_URL: url,
  SECURITY_WEBHOOK_SECRET: secret,
  SECURITY_ALERT_EMAIL,
}: Values): SecuritySettings => ({
  webhook: url && secret ? { url, secret: createSecretKey(secret, 'utf8') } : undefined,
  alertEmail: SECURITY_ALERT_EMAIL,
})
