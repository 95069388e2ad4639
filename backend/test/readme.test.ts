import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startTestApp } from './support/test-app.js'

it('the README’s transcript does what the README says', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
  const transcript = /## Two people talk[\s\S]*?```bash\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
  const app = await startTestApp()
  const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euc', transcript], {
    env: { PATH: process.env['PATH'], API: app.url },
    timeout: 30_000,
  }).catch((error: { stdout: string; stderr: string }) => error)
  await app.close()
  expect(stderr).toBe('')
  expect(stdout).toMatch(/event: resume\ndata: \{"type":"resume","verdict":"live"/)
  expect(stdout).toMatch(/event: message\.created\ndata: .*"text":"Hello Bob"/)
  expect(stdout.match(/"text":"Hello Bob"/g)).toHaveLength(2) // Ann's answer, Bob's event
})
