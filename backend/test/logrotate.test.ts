import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { aFolder } from './support/local-storage.js'
import { aLogrotate } from './support/logrotate.js'
import { idsIn, rotationsOf } from './support/logs.js'
import { aServerProcess } from './support/server-process.js'

/** Does as systemctl does with one service, whose process this is, and writes down how it was called. */
const aSystemctl = (folder: string, pid: number): { readonly programs: string; calls(): string } => {
  const programs = join(folder, 'programs')
  mkdirSync(programs)
  writeFileSync(join(programs, 'systemctl'), `#!/bin/sh\necho "$@" >> ${folder}/calls\nkill -USR2 ${pid}\n`, { mode: 0o755 })
  return { programs, calls: () => readFileSync(join(folder, 'calls'), 'utf8') }
}

describe('deploy/logrotate/heliograph', () => {
  it('is understood by logrotate, and does nothing where nothing runs', async () => {
    const folder = await aFolder()
    writeFileSync(join(folder, 'chat-api.log'), 'a line\n')
    const logrotate = aLogrotate(folder, { logs: folder })
    const { code, stderr } = await logrotate.check()
    expect({ code, faults: stderr.split('\n').filter((line) => line.startsWith('error')) }).toEqual({ code: 0, faults: [] })
    expect(stderr).toContain('chat-api.log')
    expect((await logrotate.force()).code).toBe(0)
    expect([existsSync(join(folder, 'chat-api.log')), readFileSync(join(folder, 'chat-api.log.1'), 'utf8')]).toEqual([false, 'a line\n'])
  })

  it('loses no line of a server that systemd runs, and signals the server alone', async () => {
    const folder = await aFolder()
    const logs = join(folder, 'logs')
    const path = join(logs, 'chat-api.log')
    const server = await aServerProcess({ LOG_FILE: path })
    const systemctl = aSystemctl(folder, server.pid)
    const logrotate = aLogrotate(folder, { logs, systemd: folder, programs: systemctl.programs })
    const ids = Array.from({ length: 300 }, (_, n) => `line-${n}`)
    const answering = (async () => {
      for (const id of ids) await server.answer(id)
    })()
    for (let rotation = 0; rotation < 3; rotation++) {
      await expect.poll(() => statSync(path).size).toBeGreaterThan(0) // an empty one is left as it is
      expect((await logrotate.force()).code).toBe(0)
      await expect.poll(() => existsSync(path)).toBe(true)
      await server.answer(`after-${rotation}`)
    }
    await answering
    expect(systemctl.calls()).toBe('kill --kill-who=main --signal=USR2 heliograph@*.service\n'.repeat(3))
    await expect
      .poll(() => idsIn(...rotationsOf(logs, 'chat-api.log')).toSorted())
      .toEqual([...ids, 'after-0', 'after-1', 'after-2'].toSorted())
  })
})
