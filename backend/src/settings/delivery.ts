import { createSecretKey } from 'node:crypto'
import type { z } from 'zod'
import type { SmtpSettings } from '../platform/mail/smtp-mailer.js'
import type { SmsSettings } from '../platform/sms/create-sms.js'
import type { variables } from './variables.js'

type Values = { [Name in keyof typeof variables]: z.output<(typeof variables)[Name]['schema']> }

/** What the variables of SMS and mail want of one another. */
export const deliveryFaults = (values: Partial<Values>): string[] => {
  const faults: string[] = []
  if (values.SMS_PROVIDER === 'http' && !values.SMS_HTTP_URL) faults.push('SMS_HTTP_URL: is required with SMS_PROVIDER=http')
  if (values.SMS_PROVIDER === 'sns' && !values.AWS_REGION) faults.push('AWS_REGION: is required with SMS_PROVIDER=sns')
  if (!values.AWS_ACCESS_KEY_ID !== !values.AWS_SECRET_ACCESS_KEY)
    faults.push(`${values.AWS_ACCESS_KEY_ID ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID'}: is required with the other one of the two`)
  if (!values.SMTP_USER !== !values.SMTP_PASS)
    faults.push(`${values.SMTP_USER ? 'SMTP_PASS' : 'SMTP_USER'}: is required with the other one of the two`)
  if (values.SMTP_HOST && !values.MAIL_FROM) faults.push('MAIL_FROM: is required with SMTP_HOST')
  if (values.SMTP_HOST && !values.FRONTEND_URL && values.NODE_ENV === 'production')
    faults.push('FRONTEND_URL: is required with SMTP_HOST in production: mails hold links to it')
  return faults
}

export const deliveryWarnings = (values: Values): string[] =>
  values.NODE_ENV === 'production' && !values.SMS_PROVIDER && values.PHONE_VERIFICATION !== 'optional'
    ? ['SMS_PROVIDER is not set: no code can be sent, and nobody can register while PHONE_VERIFICATION is required']
    : []

export const smsOf = (values: Values): SmsSettings | undefined => {
  const { SMS_PROVIDER: provider, SMS_HTTP_URL: url, SMS_HTTP_TOKEN: token, AWS_REGION: region } = values
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = values
  if (provider === 'http' && url)
    return { provider, url, token: token === undefined ? undefined : createSecretKey(token, 'utf8'), template: values.SMS_HTTP_TEMPLATE }
  if (provider !== 'sns' || !region) return undefined
  const credentials =
    accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey: createSecretKey(secretAccessKey, 'utf8') } : undefined
  return { provider, region, endpoint: values.SNS_ENDPOINT, credentials }
}

export const mailOf = (values: Values): SmtpSettings | undefined => {
  const { SMTP_HOST: host, SMTP_PORT: port, SMTP_USER: user, SMTP_PASS: password, MAIL_FROM: from } = values
  if (!host || !from) return undefined
  return {
    host,
    port,
    auth: user && password ? { user, password: createSecretKey(password, 'utf8') } : undefined,
    from,
    requireTls: (values.SMTP_TLS ?? (values.NODE_ENV === 'production' ? 'required' : 'offered')) === 'required',
  }
}
