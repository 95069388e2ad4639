import { describe, expect, it } from 'vitest'
import { faultsOf, read } from './support/configuration.js'

const http = { SMS_PROVIDER: 'http', SMS_HTTP_URL: 'https://sms.example.com/messages' }
const sns = { SMS_PROVIDER: 'sns', AWS_REGION: 'eu-central-1' }
const smtp = { SMTP_HOST: 'smtp.example.com', MAIL_FROM: 'noreply@chat.example.com' }

describe('the settings of SMS and mail', () => {
  it('are all optional', () => {
    expect(read()).toMatchObject({ sms: undefined, mail: undefined, appName: 'Heliograph', frontendUrl: 'http://localhost:5173' })
  })

  it('are what the provider needs', () => {
    expect(read(http).sms).toMatchObject({ provider: 'http', url: http.SMS_HTTP_URL, token: undefined, template: { to: '{{to}}' } })
    expect(read(sns).sms).toEqual({ provider: 'sns', region: 'eu-central-1', endpoint: undefined, credentials: undefined })
    expect(read(smtp).mail).toMatchObject({ host: 'smtp.example.com', port: 587, from: smtp.MAIL_FROM, auth: undefined, requireTls: false })
  })

  it('want TLS of the mail server in production, unless told otherwise', () => {
    const production = { NODE_ENV: 'production', MONGO_URI: 'mongodb://db/chat', FRONTEND_URL: 'https://chat.example.com/', ...smtp }
    expect(read(production)).toMatchObject({ frontendUrl: 'https://chat.example.com', mail: { requireTls: true } })
    expect(read({ ...production, SMTP_TLS: 'offered' }).mail?.requireTls).toBe(false)
    expect(read({ ...smtp, SMTP_TLS: 'required' }).mail?.requireTls).toBe(true)
  })

  it('are warned of where production could register nobody', () => {
    const production = { NODE_ENV: 'production', MONGO_URI: 'mongodb://db/chat', UPLOAD_DIR: '/srv/uploads' }
    expect(read(production).warnings).toEqual([expect.stringContaining('SMS_PROVIDER')])
    expect(read({ ...production, ...http }).warnings).toEqual([])
    expect(read({ ...production, PHONE_VERIFICATION: 'optional' }).warnings).toEqual([])
    expect(read().warnings).toEqual([])
  })

  it('print as nothing where they are secrets', () => {
    const secrets = { SMS_HTTP_TOKEN: 'Xq81', SMTP_USER: 'post', SMTP_PASS: 'Xq82' }
    const aws = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'Xq83' }
    expect(JSON.stringify([read({ ...http, ...smtp, ...secrets }), read({ ...sns, ...aws })])).not.toMatch(/Xq8\d/)
  })

  it.each([
    [{ SMS_PROVIDER: 'http' }, 'SMS_HTTP_URL'],
    [{ SMS_PROVIDER: 'sns' }, 'AWS_REGION'],
    [{ ...sns, AWS_ACCESS_KEY_ID: 'AKID' }, 'AWS_SECRET_ACCESS_KEY'],
    [{ ...sns, AWS_SECRET_ACCESS_KEY: 'secret' }, 'AWS_ACCESS_KEY_ID'],
    [{ SMTP_HOST: 'smtp.example.com' }, 'MAIL_FROM'],
    [{ ...smtp, SMTP_USER: 'post' }, 'SMTP_PASS'],
    [{ ...smtp, SMTP_PASS: 'secret' }, 'SMTP_USER'],
    [{ ...smtp, NODE_ENV: 'production', MONGO_URI: 'mongodb://db/chat' }, 'FRONTEND_URL'],
  ])('are not complete: %j lacks %s', (given, lacking) => {
    expect(faultsOf(given)).toEqual([expect.stringMatching(`^${lacking}: is required`)])
  })

  it.each([
    ['SMS_PROVIDER', ['twilio', 'HTTP']],
    ['SMS_HTTP_URL', ['sms.example.com', 'ftp://sms.example.com']],
    [
      'SMS_HTTP_TEMPLATE',
      ['to={{to}}', '{"to":"{{to}}"}', '{"text":"{{text}}"}', '{"{{to}}":"{{text}}"}', '{"to":{{to}},"text":"{{text}}"}', '7'],
    ],
    ['SMS_CODE_TEXT', ['Your code', '{{ code }}', `{{code}}${'x'.repeat(300)}`]],
    ['SNS_ENDPOINT', ['localhost']],
    ['AWS_REGION', ['eu central', 'EU']],
    ['SMTP_HOST', ['smtp example', 'https://smtp.example.com']],
    ['SMTP_PORT', ['0', '65536', 'smtp']],
    ['SMTP_TLS', ['yes', 'true']],
    ['MAIL_FROM', ['noreply', 'a@b.example, c@d.example', 'A <a@b.example>, C <c@d.example>', 'A\r\nBcc: <a@b.example>', '<a@b.example>']],
    ['FRONTEND_URL', ['chat.example.com', 'https://chat.example.com?x=1', 'https://chat.example.com#x']],
    ['APP_NAME', ['x'.repeat(41)]],
  ])('refuse a bad %s', (name, values) => {
    for (const value of values) expect([value, faultsOf({ [name]: value })]).toEqual([value, [expect.stringMatching(`^${name}: .`)]])
  })

  it.each(['noreply@chat.example.com', 'Heliograph <noreply@chat.example.com>', 'Grüße vom Hügel <a+b@x.example>'])(
    'take mails from %s',
    (from) => {
      expect(read({ ...smtp, MAIL_FROM: from }).mail?.from).toBe(from)
    },
  )
})
