import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { claim, releaseClaim, untilUnclaimed } from '../services/claim.js'
import { temporaryFolder } from '../services/temporary-folder.js'
import { jwtSecret } from '../start/jwt-secret.js'
import { aFolder } from './support/folder.js'

const aDeadPid = () => spawnSync(process.execPath, ['--version']).pid

describe('a temporary folder', () => {
  it('is removed at the end', () => {
    const folder = temporaryFolder()
    expect(existsSync(folder.path)).toBe(true)
    folder.remove()
    expect(existsSync(folder.path)).toBe(false)
  })

  it('is removed by the next run when its own was killed, and not while that lives', () => {
    const ofDead = join(tmpdir(), `heliograph-run-${aDeadPid()}-x`)
    mkdirSync(ofDead)
    const ofLiving = temporaryFolder()
    temporaryFolder().remove()
    expect(existsSync(ofDead)).toBe(false)
    expect(existsSync(ofLiving.path)).toBe(true)
    ofLiving.remove()
  })
})

describe('a claim on a folder', () => {
  it('keeps others out while its holder lives', async () => {
    const folder = aFolder()
    claim(join(folder, 'in-use'), { pid: process.pid, script: 'vitest' })
    await expect(untilUnclaimed(join(folder, 'in-use'), 0)).rejects.toThrow(`${folder} is in use by process ${process.pid}`)
    releaseClaim(join(folder, 'in-use'))
    await expect(untilUnclaimed(join(folder, 'in-use'), 0)).resolves.toBeUndefined()
  })

  it('counts for nothing once its holder is dead, or its id belongs to another program', async () => {
    const file = join(aFolder(), 'in-use')
    claim(file, { pid: aDeadPid(), script: 'node' })
    await expect(untilUnclaimed(file, 0)).resolves.toBeUndefined()
    claim(file, { pid: process.pid, script: 'another-program' })
    await expect(untilUnclaimed(file, 0)).resolves.toBeUndefined()
  })
})

describe('the development secret', () => {
  it('is made once, long, and readable by its owner alone', () => {
    const folder = aFolder()
    const first = jwtSecret(folder)
    expect(first.length).toBeGreaterThanOrEqual(32)
    expect(jwtSecret(folder)).toBe(first)
    expect(statSync(join(folder, 'jwt-secret')).mode & 0o777).toBe(0o600)
    expect(jwtSecret(aFolder())).not.toBe(first)
  })
})
