import { z } from 'zod'
import { parseSmsTemplate } from '../../platform/sms/http-template.js'
import { integer, url } from '../values.js'
import { type Variable, variable } from '../variable.js'

const smsTemplate = z.string().transform((text, context) => {
  const template = parseSmsTemplate(text)
  if (template !== undefined) return template
  context.addIssue('JSON with {{to}} and {{text}} in its texts')
  return z.NEVER
})

/** What a mail says it comes from: one address, with or without a name before it. */
const sender = z
  .string()
  .regex(
    /^(?:[^<>@"\\\p{Cc}]+ <[^\s<>@,;:"]+@[^\s<>@,;:"]+>|[^\s<>@,;:"]+@[^\s<>@,;:"]+)$/u,
    'an address such as Heliograph <noreply@chat.example.com>',
  )

const defaultCodeText = '{{code}} is your {{app}} code. It is good for {{minutes}} minutes. Give it to nobody.'

export const messagesToPeopleVariables = {
  APP_NAME: variable('Messages to people', 'What SMS and mails call the service', 'Heliograph', z.string().max(40).default('Heliograph')),
  FRONTEND_URL: variable(
    'Messages to people',
    'Where the links in mails lead: the web client',
    'http://localhost:5173',
    url(/^https?:\/\/[^\s?#]+$/, 'https://chat.example.com').optional(),
  ),
  SMS_PROVIDER: variable(
    'Messages to people',
    'http or sns. Without it no SMS is sent: development shows codes in its terminal',
    'http',
    z.enum(['http', 'sns']).optional(),
  ),
  SMS_CODE_TEXT: variable(
    'Messages to people',
    'The SMS with a code: {{code}}, {{app}} and {{minutes}} are filled in',
    defaultCodeText,
    z
      .string()
      .max(300)
      .refine((text) => text.includes('{{code}}'), 'a text with {{code}} in it')
      .default(defaultCodeText),
  ),
  SMS_HTTP_URL: variable(
    'Messages to people',
    'The gateway of SMS_PROVIDER=http, which takes a POST with JSON',
    'https://sms.example.com/messages',
    url(/^https?:\/\/\S+$/, 'https://sms.example.com/messages').optional(),
  ),
  SMS_HTTP_TOKEN: variable('Messages to people', 'Sent to the gateway as a bearer token', '', z.string().optional(), { secret: true }),
  SMS_HTTP_TEMPLATE: variable(
    'Messages to people',
    'What the gateway is sent',
    '{"to":"{{to}}","text":"{{text}}"}',
    smsTemplate.default({ to: '{{to}}', text: '{{text}}' }),
  ),
  SNS_ENDPOINT: variable(
    'Messages to people',
    'In place of the region’s own',
    'https://sns.eu-central-1.amazonaws.com',
    url(/^https?:\/\/\S+$/, 'https://sns.eu-central-1.amazonaws.com').optional(),
  ),
  SMTP_HOST: variable(
    'Messages to people',
    'The mail server. Without it no mail is sent: development shows mails in its terminal',
    'smtp.example.com',
    z
      .string()
      .regex(/^[\w.:-]+$/, 'a host name or an address')
      .optional(),
  ),
  SMTP_PORT: variable('Messages to people', 'Its port; 465 is TLS from the first byte', '587', integer(1, 65_535).default(587)),
  SMTP_TLS: variable(
    'Messages to people',
    'required, or offered: used where the server has it. Production requires it',
    'required',
    z.enum(['required', 'offered']).optional(),
  ),
  SMTP_USER: variable('Messages to people', 'Where the mail server wants to know who sends', '', z.string().optional()),
  SMTP_PASS: variable('Messages to people', 'Their password', '', z.string().optional(), { secret: true }),
  MAIL_FROM: variable('Messages to people', 'Whom mails come from', 'Heliograph <noreply@chat.example.com>', sender.optional()),
} satisfies Record<string, Variable>
