import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import sharp from 'sharp'
import { afterEach, describe, expect, it } from 'vitest'
import type { ImageType } from '../src/platform/content/images/image-types.js'
import { Images, type MadeImage } from '../src/platform/content/images/images.js'
import { environmentOf, imageProcesses, peakMegabytes } from './support/image-processes.js'
import { anAnimation, aPicture, aPngOf, asPhotograph, secretPlace } from './support/pictures.js'
import { aSource } from './support/sources.js'

let images = new Images()
afterEach(async () => {
  await images.close()
  images = new Images()
})

const read = async (made: MadeImage) => ({ ...made, bytes: await buffer(made.read()) })
const remade = (bytes: Uint8Array, type: ImageType) =>
  images.remake(aSource(bytes, type), type, async ({ image, thumbnail }) => ({
    image: await read(image),
    thumbnail: await read(thumbnail),
  }))

const workingFolder = join(tmpdir(), `heliograph-images-${process.pid}`)
const jobs = (): string[] => (existsSync(workingFolder) ? readdirSync(workingFolder) : [])

describe('a picture', () => {
  it.each([
    ['image/jpeg', () => asPhotograph(aPicture().jpeg())],
    ['image/png', () => asPhotograph(aPicture().png())],
    ['image/webp', () => asPhotograph(aPicture().webp())],
    ['image/avif', () => asPhotograph(aPicture().avif())],
  ] as const)('that is %s is served without what its file tells of place and person, and upright', async (type, photograph) => {
    const sent = await photograph().toBuffer()
    expect(sent.includes(secretPlace)).toBe(true) // or the test shows nothing
    const { image, thumbnail } = await remade(sent, type)
    for (const { bytes } of [image, thumbnail]) {
      expect(await sharp(bytes).metadata()).not.toHaveProperty('exif')
      expect(await sharp(bytes).metadata()).not.toHaveProperty('xmp')
      expect(bytes.includes(secretPlace)).toBe(false)
    }
    expect(image).toMatchObject({ contentType: type, width: 20, height: 40, size: image.bytes.length })
    const { data, info } = await sharp(image.bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    const [red = 0, , blue = 0] = data.subarray((info.width - 3) * info.channels) // the corner that was at the left is at the right
    expect(red).toBeGreaterThan(200)
    expect(blue).toBeLessThan(60)
  })

  it('has a thumbnail of 320 pixels at most, and none that is larger than itself', async () => {
    const large = await remade(await aPicture(1000, 500).jpeg().toBuffer(), 'image/jpeg')
    expect(large.thumbnail).toMatchObject({ contentType: 'image/webp', width: 320, height: 160 })
    expect(await sharp(large.thumbnail.bytes).metadata()).toMatchObject({ format: 'webp', width: 320, height: 160 })
    const small = await remade(await aPicture(40, 20).png().toBuffer(), 'image/png')
    expect(small.thumbnail).toMatchObject({ width: 40, height: 20 })
  })

  it('that moves still moves as WebP', async () => {
    const sent = await (await anAnimation(['#f00', '#0f0', '#00f'])).webp({ delay: [50, 60, 70], loop: 3 }).toBuffer()
    const { image, thumbnail } = await remade(sent, 'image/webp')
    expect(image).toMatchObject({ width: 16, height: 16 })
    expect(await sharp(image.bytes).metadata()).toMatchObject({ pages: 3, delay: [50, 60, 70], loop: 3 })
    expect((await sharp(thumbnail.bytes).metadata()).pages).toBeUndefined()
  })

  it('that moves as GIF keeps every pixel, its times and its loop, and loses all else', async () => {
    const sent = await (await anAnimation(['#f00', '#0f0', '#00f'])).gif({ delay: 50, loop: 3 }).toBuffer()
    const comment = (text: string) => Buffer.concat([Buffer.from([0x21, 0xfe, text.length]), Buffer.from(text), Buffer.from([0])])
    const header = 13 + ((sent[10] ?? 0) & 0x80 ? 3 * 2 ** (((sent[10] ?? 0) & 7) + 1) : 0)
    const application = Buffer.concat([Buffer.from('\u0021\u00ff\u000bXMP DataXMP', 'latin1'), comment(secretPlace).subarray(2)])
    const script = '=1;alert(1)//'
    const laden = Buffer.concat([sent.subarray(0, header), comment(secretPlace), application, sent.subarray(header), Buffer.from(script)])
    expect((await sharp(laden, { animated: true }).metadata()).pages).toBe(3)

    const { image } = await remade(laden, 'image/gif')
    expect(image.bytes.equals(sent)).toBe(true)
    expect(image).toMatchObject({ width: 16, height: 16, contentType: 'image/gif' })
  })

  it.each([
    ['image/jpeg', 'zip', () => aPicture().jpeg()],
    ['image/png', 'HTML', () => aPicture().png()],
    ['image/webp', 'a script', () => aPicture().webp()],
    ['image/gif', 'a script', () => aPicture().gif()],
  ] as const)('that is %s and at the same time %s is a picture alone', async (type, _what, picture) => {
    const other = 'PK\u0003\u0004<script>alert(1)</script>'
    const { image } = await remade(Buffer.concat([await picture().toBuffer(), Buffer.from(other)]), type)
    expect(image.bytes.includes('<script>')).toBe(false)
    expect(image.bytes.includes('PK\u0003\u0004')).toBe(false)
    expect(await sharp(image.bytes).metadata()).toMatchObject({ width: 40, height: 20 })
  })

  it.each([
    ['image/jpeg', () => aPicture(200, 200).jpeg()],
    ['image/png', () => aPicture(200, 200).png()],
    ['image/webp', () => aPicture(200, 200).webp()],
    ['image/gif', () => aPicture(200, 200).gif()],
    ['image/avif', () => aPicture(200, 200).avif()],
  ] as const)('that is %s and breaks off is refused', async (type, picture) => {
    const whole = await picture().toBuffer()
    for (const length of [3, 12, 40, Math.floor(whole.length / 2)]) {
      await expect(remade(whole.subarray(0, length), type)).rejects.toMatchObject({ name: 'ContentRefusal', reason: 'broken_image' })
    }
  })

  it('that unfolds to 900 megapixels is refused, and takes no memory', async () => {
    const bomb = aPngOf(30_000, 30_000)
    expect(bomb.length).toBeLessThan(1_000_000)
    await expect(remade(bomb, 'image/png')).rejects.toMatchObject({ reason: 'too_large', detail: 'The picture has too many pixels' })
    const [pid = 0] = imageProcesses()
    expect(peakMegabytes(pid)).toBeLessThan(200)
  })

  it('whose frames together are too many pixels is refused', async () => {
    const frames = await anAnimation(
      Array.from({ length: 60 }, (_, at) => (at % 2 ? '#f00' : '#00f')),
      1000,
    )
    const sent = await frames.webp({ effort: 0, minSize: false }).toBuffer()
    await expect(remade(sent, 'image/webp')).rejects.toMatchObject({ reason: 'too_large' })
  })

  it('is not read by what reads other things, whatever it is called', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>')
    for (const bytes of [svg, await aPicture().tiff().toBuffer()])
      await expect(remade(bytes, 'image/png')).rejects.toMatchObject({ reason: 'broken_image' })
  })

  it('of more bytes than any is not even read', async () => {
    const source = { ...aSource('', 'image/png'), size: 101 * 1024 * 1024 }
    await expect(images.remake(source, 'image/png', async () => 0)).rejects.toMatchObject({ reason: 'too_large' })
    expect(jobs()).toEqual([])
  })
})

describe('work on pictures', () => {
  it('is done one at a time, in one process that is told no secrets, and leaves no file', async () => {
    process.env['A_SECRET'] = 'of the server'
    const sent = await asPhotograph(aPicture(400, 300).jpeg()).toBuffer()
    const seen = new Set<number>()
    const atOnce: number[] = []
    const all = Array.from({ length: 50 }, () =>
      images.remake(aSource(sent, 'image/jpeg'), 'image/jpeg', async ({ image }) => {
        for (const pid of imageProcesses()) seen.add(pid)
        atOnce.push(jobs().length)
        return image.width
      }),
    )
    expect(await Promise.all(all)).toEqual(Array.from({ length: 50 }, () => 300))
    delete process.env['A_SECRET']
    expect(seen.size).toBe(1)
    expect(atOnce).toEqual(Array.from({ length: 50 }, () => 1))
    const [pid = 0] = seen
    expect(environmentOf(pid)).toContain('MALLOC_ARENA_MAX')
    expect(environmentOf(pid)).not.toContain('A_SECRET')
    expect(jobs()).toEqual([])
  })

  it('that is too much is to come again', async () => {
    await images.close()
    images = new Images({ mostWaiting: 1 })
    const sent = await aPicture().png().toBuffer()
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => remade(sent, 'image/png')))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
    expect(outcomes[2]).toMatchObject({ reason: { name: 'ContentUnavailable' } })
  })

  it('that hangs is ended at its deadline, says nothing of the picture, and the next is done', async () => {
    await images.close()
    images = new Images({ jobMs: 10_000 })
    const sent = await aPicture().png().toBuffer()
    await remade(sent, 'image/png')
    const [pid = 0] = imageProcesses()
    process.kill(pid, 'SIGSTOP')
    await expect(remade(sent, 'image/png')).rejects.toMatchObject({ name: 'ContentUnavailable' })
    expect((await remade(sent, 'image/png')).image.width).toBe(40)
    expect(imageProcesses()).not.toContain(pid)
  })

  it('fails with what reading the bytes or keeping them fails with, and leaves no file', async () => {
    const sent = aSource(await aPicture().png().toBuffer(), 'image/png')
    const broken = { ...sent, read: () => Promise.reject(new Error('no storage')) }
    await expect(images.remake(broken, 'image/png', async () => 0)).rejects.toThrow('no storage')
    const short = { ...sent, size: sent.size + 1 }
    await expect(images.remake(short, 'image/png', async () => 0)).rejects.toMatchObject({ name: 'ContentUnavailable' })
    await expect(images.remake(sent, 'image/png', () => Promise.reject(new Error('not kept')))).rejects.toThrow('not kept')
    expect(jobs()).toEqual([])
  })

  it('keeps no process when nothing comes', async () => {
    await images.close()
    images = new Images({ idleMs: 1 })
    await remade(await aPicture().png().toBuffer(), 'image/png')
    await expect.poll(imageProcesses).toEqual([])
  })

  it('ends when the server does, with what waits, and leaves nothing', async () => {
    const sent = await aPicture(2000, 2000).png().toBuffer()
    const work = Promise.allSettled(Array.from({ length: 5 }, () => remade(sent, 'image/png')))
    await expect.poll(jobs).not.toEqual([])
    await images.close()
    expect((await work).at(-1)).toMatchObject({ reason: { name: 'ContentUnavailable' } })
    expect(imageProcesses()).toEqual([])
    expect(existsSync(workingFolder)).toBe(false)
    await expect(remade(sent, 'image/png')).rejects.toMatchObject({ name: 'ContentUnavailable' })
  })

  it('is made after the folder for work was tidied away, and in nobody else’s folder', async () => {
    const sent = await aPicture().png().toBuffer()
    await remade(sent, 'image/png')
    rmSync(workingFolder, { recursive: true })
    await expect(remade(sent, 'image/png')).resolves.toBeDefined()
    const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'))
    rmSync(workingFolder, { recursive: true })
    symlinkSync(elsewhere, workingFolder)
    await expect(remade(sent, 'image/png')).resolves.toBeDefined()
    expect([lstatSync(workingFolder).isDirectory(), statSync(workingFolder).mode & 0o777]).toEqual([true, 0o700])
    rmSync(elsewhere, { recursive: true })
  })

  it('clears up after servers that were killed', async () => {
    const left = join(tmpdir(), 'heliograph-images-999999999')
    mkdirSync(join(left, 'job-1'), { recursive: true })
    await remade(await aPicture().png().toBuffer(), 'image/png')
    expect(existsSync(left)).toBe(false)
  })
})
