import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { freePort } from '../../dev/services/free-port.js'
import type { EventType, PassingEvent } from '../src/realtime/catalogue.js'
import { eventTypes } from './support/event-types.js'
import { browserRecipe } from './support/recipe.js'
import { aBucket } from './support/s3.js'
import { startTestApp } from './support/test-app.js'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
/** What a reader types who follows a section. */
const typed = (heading: string): string => new RegExp(`\\n${heading}\\n[\\s\\S]*?\`\`\`bash\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1] ?? ''
const inBash = (script: string, api: string) =>
  promisify(execFile)('bash', ['--norc', '-euc', script], { env: { PATH: process.env['PATH'], API: api }, timeout: 30_000 }).catch(
    (error: { stdout: string; stderr: string }) => error,
  )

const listenedTo = {
  ...eventTypes,
  typing: true,
  presence: true,
  resume: true,
  'token.expiring': true,
  lockdown: true,
  'server.draining': true,
} satisfies Record<EventType | PassingEvent['type'] | 'resume' | 'token.expiring' | 'lockdown' | 'server.draining', true>

it('a browser listens to every event by the README’s recipe', () => {
  const listed = /const types = \[(.*)\]/.exec(browserRecipe())?.[1] ?? ''
  expect(listed.split(', ').toSorted()).toEqual(
    Object.keys(listenedTo)
      .map((type) => `'${type}'`)
      .toSorted(),
  )
})

it('two people talk as the README says', async () => {
  const app = await startTestApp()
  const { stdout, stderr } = await inBash(typed('## Two people talk'), app.url)
  await app.close()
  expect(stderr).toBe('')
  expect(stdout).toMatch(/event: resume\ndata: \{"type":"resume","verdict":"live"/)
  expect(stdout).toMatch(/event: message\.created\ndata: .*"text":"Hello Bob"/)
  expect(stdout.match(/"text":"Hello Bob"/g)).toHaveLength(2) // Ann's answer, Bob's event
})

it('and send a file as the README says, whether it is kept in the folder or in S3', async () => {
  const bucket = await aBucket()
  const port = String(await freePort())
  const folder = { PORT: port, API_URL: `http://127.0.0.1:${port}` }
  for (const environment of [folder, bucket.environment]) {
    const app = await startTestApp(environment)
    const people = typed('## Two people talk').replaceAll(/^# Bob listens[\s\S]*$/gm, '')
    const { stdout, stderr } = await inBash(`${people}\n${typed('### And send a file')}`, app.url)
    await app.close()
    expect(stderr).toBe('')
    expect(stdout).toContain('"status":"ready"')
    expect(stdout).toContain('"attachments":[{"uploadId":')
    expect(stdout).toMatch(/\nThree flashes, then one\n$/)
  }
  await bucket.remove()
})
