import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ImageChild } from '../src/platform/content/images/image-child.js'
import { imageProcesses } from './support/image-processes.js'
import { aPicture } from './support/pictures.js'

describe('the process that makes images', () => {
  const child = new ImageChild()
  const folder = mkdtempSync(join(tmpdir(), 'image-child-'))
  const job = {
    type: 'image/png',
    original: join(folder, 'original'),
    image: join(folder, 'image'),
    thumbnail: join(folder, 'thumbnail'),
  } as const
  const { signal } = new AbortController()
  beforeAll(() => aPicture().png().toFile(job.original))
  afterAll(async () => {
    await child.stop()
    rmSync(folder, { recursive: true })
  })

  /** A job that has begun, and goes no further. */
  const held = async () => {
    await child.make(job, signal)
    const [pid = 0] = imageProcesses()
    process.kill(pid, 'SIGSTOP')
    const outcome = child.make(job, signal).catch((error: unknown) => error)
    return { outcome, end: (by: NodeJS.Signals) => [by, 'SIGCONT' as const].forEach((each) => process.kill(pid, each)) }
  }

  it('takes a picture that it dies of for broken, and is started again', async () => {
    const { outcome, end } = await held()
    end('SIGABRT')
    expect(await outcome).toMatchObject({ name: 'ContentRefusal', reason: 'broken_image' })
    expect(await child.make(job, signal)).toMatchObject({ image: { width: 40, height: 20 } })
  })

  it('says nothing of a picture where something else ended it', async () => {
    const { outcome, end } = await held()
    end('SIGTERM')
    expect(await outcome).toMatchObject({ name: 'ContentUnavailable' })
    expect(await child.make(job, signal)).toMatchObject({ image: { width: 40, height: 20 } })
  })

  it('does not take a full disk for a broken picture', async () => {
    await expect(child.make({ ...job, image: '/dev/full' }, signal)).rejects.toMatchObject({ name: 'ContentUnavailable' })
  })

  it('is not started for what is late already', async () => {
    await child.stop()
    await expect(child.make(job, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    expect(imageProcesses()).toEqual([])
  })
})
