import { createSecretKey } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SmtpMailer, type SmtpSettings } from '../src/platform/mail/smtp-mailer.js'
import { startMailServer } from './support/mail-server.js'

const mail = {
  kind: 'VERIFY',
  to: 'ann@example.com',
  subject: 'Grüße vom Hügel',
  text: 'Your link: https://chat.example.com/x?token=abc\n\nTschüß',
} as const

const aServer = async (...options: Parameters<typeof startMailServer>) => {
  const server = await startMailServer(...options)
  onTestFinished(() => server.close())
  return server
}

const aMailer = (port: number, given: Partial<SmtpSettings> = {}, timing: ConstructorParameters<typeof SmtpMailer>[1] = {}) => {
  const from = 'Heliograph <noreply@chat.example.com>'
  const settings = { host: '127.0.0.1', port, auth: undefined, from, requireTls: false, ...given }
  const mailer = new SmtpMailer(settings, { firstPauseMs: 5, ...timing })
  onTestFinished(() => mailer.close())
  return mailer
}

const messageOf = (sending: Promise<void>): Promise<string> =>
  sending.then(
    () => 'sent',
    (error: unknown) => String(error),
  )

describe('a mail', () => {
  it('reaches the mail server as it is: from whom, to whom, subject and text', async () => {
    const server = await aServer()
    await aMailer(server.port).send(mail)
    expect(server.mails).toHaveLength(1)
    const [received] = server.mails
    expect(received).toMatchObject({ from: 'noreply@chat.example.com', to: ['ann@example.com'], user: undefined })
    expect(received?.content).toMatch(/^From: Heliograph <noreply@chat\.example\.com>\r$/m)
    expect(received?.content).toContain('Your link: https://chat.example.com/x?token=abc')
    expect(received?.content).toContain('Tschüß')
    expect(received?.content).toMatch(/^Subject: =\?UTF-8\?/m)
  })

  it('is sent by the account that SMTP_USER names', async () => {
    const given: unknown[] = []
    const server = await aServer({
      onAuth: ({ username, password }, _session, done) => {
        given.push([username, password])
        done(null, { user: username ?? '' })
      },
    })
    await aMailer(server.port, { auth: { user: 'post', password: createSecretKey('sésame', 'utf8') } }).send(mail)
    expect(given).toEqual([['post', 'sésame']])
    expect(server.mails[0]?.user).toBe('post')
  })

  it('goes to one person, whatever the address looks like, and brings no header of its own', async () => {
    const server = await aServer()
    const mailer = aMailer(server.port)
    await messageOf(mailer.send({ ...mail, to: 'ann@example.com, eve@example.com' }))
    await messageOf(mailer.send({ ...mail, to: 'ann@example.com\r\nBcc: eve@example.com' }))
    await messageOf(mailer.send({ ...mail, subject: 'Hello\r\nBcc: eve@example.com' }))
    for (const { to, content } of server.mails) {
      expect(to).not.toContain('eve@example.com')
      expect(content).not.toMatch(/^Bcc:/im)
    }
    expect(server.mails.at(-1)?.content).toContain('Subject: Hello')
  })

  it('is tried again where the server says later', async () => {
    let asked = 0
    const later = Object.assign(new Error('greylisted'), { responseCode: 451 })
    const server = await aServer({ onRcptTo: (_address, _session, done) => done((asked += 1) < 3 ? later : null) })
    await aMailer(server.port).send(mail)
    expect(asked).toBe(3)
    expect(server.mails).toHaveLength(1)
  })

  it('is not tried again where the server says no, and the error tells nothing of it', async () => {
    let asked = 0
    const server = await aServer({
      onRcptTo: ({ address }, _session, done) => {
        asked += 1
        done(Object.assign(new Error(`no such mailbox: ${address}`), { responseCode: 550 }))
      },
    })
    expect(await messageOf(aMailer(server.port).send(mail))).toBe('Error: The mail server answered 550')
    expect(asked).toBe(1)
  })

  it('is not sent without TLS where TLS is required, and neither is the password', async () => {
    let authenticated = false
    const server = await aServer({
      onAuth: (_auth, _session, done) => {
        authenticated = true
        done(null, { user: 'post' })
      },
    })
    const mailer = aMailer(server.port, { requireTls: true, auth: { user: 'post', password: createSecretKey('sesame', 'utf8') } })
    expect(await messageOf(mailer.send(mail))).toMatch(/^Error: The mail server /)
    expect(server.mails).toEqual([])
    expect(authenticated).toBe(false)
  })

  it('is given up at its deadline where the server does not answer', async () => {
    const server = await aServer({ onConnect: () => undefined })
    expect(await messageOf(aMailer(server.port, {}, { deadlineMs: 300 }).send(mail))).toMatch(/Error/)
    expect(server.mails).toEqual([])
  })

  it('is refused, and not kept, where a thousand wait already', async () => {
    const server = await aServer({ onConnect: () => undefined })
    const mailer = aMailer(server.port, {}, { deadlineMs: 2000 })
    const sent = Array.from({ length: 1010 }, () => messageOf(mailer.send(mail)))
    expect((await Promise.all(sent)).filter((outcome) => outcome === 'OverloadedError: Too much mail is waiting')).toHaveLength(8)
  })
})
