import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { projectFolder } from '../../dev/services/project.js'
import { parserOf, sectionsOf } from './support/fluent-bit.js'
import { aFolder } from './support/local-storage.js'
import { idsIn } from './support/logs.js'
import { aServerProcess } from './support/server-process.js'

const App = z.object({ out_file: z.string(), error_file: z.string(), env: z.object({ LOG_FILE: z.string() }) })
const [pm2] = z.object({ apps: z.tuple([App]) }).parse(createRequire(import.meta.url)(join(projectFolder, 'ecosystem.config.js'))).apps

describe('deploy/fluent-bit', () => {
  it('has a parser that reads every line of a real server: its time, and each field by its name', async () => {
    const path = join(await aFolder(), 'server.log')
    const startedAt = Date.now()
    const server = await aServerProcess({ LOG_FILE: path, LOG_LEVEL: 'trace' })
    await server.answer('read-by-fluent-bit', '/nowhere/"quoted"%20\\?ticket=hidden')
    await expect.poll(() => idsIn(path)).toEqual(['read-by-fluent-bit'])
    server.crash()
    await server.ended
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    const parsed = lines.map(parserOf('heliograph'))
    for (const { fields, time } of parsed) {
      expect(fields).toMatchObject({ level: expect.any(Number), pid: server.pid, msg: expect.any(String) })
      expect(time).toBe(Date.parse(String(fields['time'])))
      expect(time).toBeGreaterThanOrEqual(startedAt)
      expect(time).toBeLessThanOrEqual(Date.now())
    }
    const fieldsOf = (msg: string) => parsed.find(({ fields }) => fields['msg'] === msg)?.fields
    expect(fieldsOf('answered')).toMatchObject({
      level: 30,
      requestId: 'read-by-fluent-bit',
      method: 'GET',
      path: '/nowhere/%22quoted%22%20/',
      status: 404,
      milliseconds: expect.any(Number),
    })
    expect(fieldsOf('listening')).toMatchObject({ port: expect.any(Number), worker: '0', tls: false })
    expect(fieldsOf('nobody caught this')).toMatchObject({ level: 60, err: { type: 'Error', message: 'out of the blue' } })
  })

  it('reads the files that PM2 and the server write, in the folder that logrotate keeps, by parsers that are there', () => {
    const inputs = sectionsOf('fluent-bit.conf').filter(({ kind }) => kind === 'INPUT')
    const byParser = new Map(inputs.map(({ values }) => [values.get('parser'), values.get('path')?.split(',') ?? []]))
    const inLogs = (path: string) => `/var/log/heliograph/${basename(path)}`
    expect(byParser.get('heliograph')).toEqual([inLogs(pm2.env.LOG_FILE)])
    expect(byParser.get('pm2')).toEqual([pm2.out_file, pm2.error_file].map(inLogs))
    expect(new Set([pm2.env.LOG_FILE, pm2.out_file, pm2.error_file].map((path) => dirname(path))).size).toBe(1)
    expect(readFileSync(join(projectFolder, 'deploy/logrotate/heliograph'), 'utf8')).toContain('\n/var/log/heliograph/*.log {\n')
    const parsers = sectionsOf('parsers.conf').map(({ values }) => values.get('name'))
    expect(parsers).toEqual([...byParser.keys()])
  })

  it('begins where it stopped, waits for what is written after a rotation, and gives everything to an output', () => {
    const sections = sectionsOf('fluent-bit.conf')
    const inputs = sections.filter(({ kind }) => kind === 'INPUT').map(({ values }) => values)
    expect(new Set(inputs.map((values) => values.get('db'))).size).toBe(inputs.length)
    for (const values of inputs) expect(Number(values.get('rotate_wait'))).toBeGreaterThanOrEqual(30)
    const matches = sections.filter(({ kind }) => kind === 'OUTPUT').map(({ values }) => values.get('match'))
    for (const values of inputs) expect(matches).toContain(values.get('tag')?.replace(/\.\w+$/, '.*'))
  })
})
