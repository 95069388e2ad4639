import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  readonly user: string | undefined
  /** As it came, decoded: headers, an empty line, the text. */
  readonly content: string
}

/** A real SMTP server that keeps what it receives. Without TLS, unless told otherwise. */
export const startMailServer = async (
  options: SMTPServerOptions = {},
): Promise<{ port: number; mails: readonly ReceivedMail[]; close(): Promise<void> }> => {
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    authOptional: true,
    allowInsecureAuth: true,
    logger: false,
    closeTimeout: 100,
    onAuth: ({ username }, _session, done) => done(null, { user: username ?? '' }),
    onData(stream, { envelope, user }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('end', () => {
        const from = envelope.mailFrom ? envelope.mailFrom.address : ''
        const to = envelope.rcptTo.map(({ address }) => address)
        mails.push({
          from,
          to,
          user: user === undefined ? undefined : String(user),
          content: decoded(Buffer.concat(chunks).toString('utf8')),
        })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => undefined) // clients that go away
  const listening = server.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return {
    port: (listening.address() as AddressInfo).port,
    mails,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

/** Quoted-printable (RFC 2045) and base64 undone, as far as these mails have it. */
const decoded = (content: string): string => {
  const [headers = '', ...rest] = content.split('\r\n\r\n')
  const body = rest.join('\r\n\r\n')
  if (/^Content-Transfer-Encoding: base64/im.test(headers)) return `${headers}\n\n${Buffer.from(body, 'base64').toString('utf8')}`
  if (!/^Content-Transfer-Encoding: quoted-printable/im.test(headers)) return content
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/(?:=[0-9A-F]{2})+/g, (run) => Buffer.from(run.replaceAll('=', ''), 'hex').toString('utf8'))
  return `${headers}\n\n${bytes}`
}
