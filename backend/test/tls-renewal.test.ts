import { readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { anApp } from './support/listening.js'
import { aDirectConversation } from './support/people.js'
import type { Authority } from './support/redis-server-certificates.js'
import { aTlsApp, overTls, TlsWorld } from './support/tls.js'

const tls = TlsWorld.forThisFile()

describe('another certificate in the place of the former', () => {
  it('is shown to who comes then, while a stream goes on', async () => {
    const files = await tls.aCertificate()
    const { beside, app } = await aTlsApp({ ...overTls(files), LOG_LEVEL: 'info' })
    const { ann, bob, conversation } = await aDirectConversation(beside)
    const stream = await tls.aStream(app, bob)
    const before = await tls.shownBy(app)
    const next = await tls.aCertificate()
    renameSync(next.certificate, files.certificate)
    renameSync(next.key, files.key)
    await expect.poll(() => tls.shownBy(app)).not.toBe(before)
    await ann.send(conversation.id, { text: 'still there' }).expect(201)
    await stream.waitFor(({ event }) => event === 'message.created', 30_000)
    expect(stream.events.map(({ event }) => event)).toEqual(['resume', 'message.created'])
    expect(app.logs.filter((line) => line.includes('another certificate is used'))).toHaveLength(1)
  })

  it('is found where a link leads elsewhere, as certbot and Kubernetes renew', async () => {
    const link = join(tls.folder, 'live')
    const [first, second] = [await tls.aCertificate(), await tls.aCertificate()]
    const folderOf = ({ certificate }: Authority) => join(certificate, '..')
    symlinkSync(folderOf(first), link)
    const app = await anApp(overTls({ certificate: join(link, 'server.pem'), key: join(link, 'server.key') }))
    const before = await tls.shownBy(app)
    symlinkSync(folderOf(second), `${link}.new`)
    renameSync(`${link}.new`, link)
    await expect.poll(() => tls.shownBy(app)).not.toBe(before)
  })

  it.each([
    [
      'is cut off',
      (files: Authority) => writeFileSync(files.certificate, readFileSync(files.certificate, 'utf8').slice(0, 100)),
      'no certificate',
    ],
    ['has another key', (files: Authority) => renameSync(tls.good.key.replace('server.key', 'other.key'), files.key), 'is not the key'],
    ['cannot be read', (files: Authority) => renameSync(files.key, `${files.key}.away`), 'cannot be read (ENOENT)'],
  ])('that %s is not used: the former stays, one warning says so, and a good one is used again', async (_name, breakIt, said) => {
    writeFileSync(tls.good.key.replace('server.key', 'other.key'), readFileSync(tls.good.key))
    const files = await tls.aCertificate()
    const app = await anApp({ ...overTls(files), LOG_LEVEL: 'info' })
    const before = await tls.shownBy(app)
    const warnings = () => app.logs.filter((line) => line.includes('the former one stays'))
    breakIt(files)
    await expect.poll(warnings).toHaveLength(1)
    expect(warnings()[0]).toContain(said)
    expect(warnings()[0]).not.toContain('PRIVATE')
    expect(await tls.shownBy(app)).toBe(before)
    const next = await tls.aCertificate()
    renameSync(next.key, files.key)
    renameSync(next.certificate, files.certificate)
    await expect.poll(() => tls.shownBy(app)).not.toBe(before)
    expect(warnings().filter((line) => line.includes(said))).toHaveLength(1)
  })
})
