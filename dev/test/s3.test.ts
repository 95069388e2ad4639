import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { becomesTrue } from '../services/deadline.js'
import { freePort } from '../services/free-port.js'
import { composedS3 } from '../services/s3/compose.js'
import { cephFromDebian } from '../services/s3/debian.js'
import { knockAtS3 } from '../services/s3/knock.js'
import { obtainS3 } from '../services/s3.js'
import type { Setting } from '../services/service.js'
import { aFolder } from './support/folder.js'
import { processesWith } from './support/processes.js'
import { runProgram } from './support/program.js'

const setting = (environment: Setting['environment'], dataFolder = aFolder()): Setting => ({
  environment,
  dataFolder,
  durable: false,
  progress: () => {},
})

/** Something that answers every request alike. */
const aServer = async (status: number): Promise<string> => {
  const server = createServer((_request, response) => response.writeHead(status).end()).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await becomesTrue(5, () => server.listening)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const isGone = (url: string): Promise<boolean> =>
  knockAtS3(url, 500).then(
    () => false,
    () => true,
  )

const socketsOf = (pid: number): string[] => {
  const links = readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`)
    } catch {
      return '' // closed meanwhile
    }
  })
  return links.flatMap((link) => /^socket:\[(?<inode>\d+)\]$/.exec(link)?.[1] ?? [])
}

/** The addresses that these processes listen on, as the kernel writes them: in hexadecimal, the last byte first. */
const listeningAddresses = (pids: readonly number[]): string[] => {
  const theirs = new Set(pids.flatMap(socketsOf))
  const rows = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').split('\n').slice(1))
  const cells = rows.map((row) => row.trim().split(/\s+/))
  return cells.filter(([, , , state, , , , , , inode]) => state === '0A' && theirs.has(inode ?? '')).map(([, local = '']) => local)
}

describe('a started Ceph', { timeout: 60_000 }, () => {
  it('answers, listens on this machine alone, and is gone with its folder once stopped', async () => {
    const folder = aFolder()
    const s3 = await obtainS3(setting({ PATH: process.env['PATH'] }, folder))
    onTestFinished(() => s3.stop())
    expect(s3.access).toMatchObject({ endpoint: s3.url, region: 'us-east-1' })
    await expect(knockAtS3(s3.url, 2000)).resolves.toBe(200)
    const mark = `CEPH_CONF=${folder}`
    const listening = listeningAddresses(processesWith(mark))
    expect(listening.length).toBeGreaterThan(2) // the gateway's, the monitor's, the storage daemon's
    expect(listening.filter((address) => !address.startsWith('0100007F:'))).toEqual([])
    await s3.stop()
    await expect(isGone(s3.url)).resolves.toBe(true)
    await expect(becomesTrue(10, () => processesWith(mark).length === 0)).resolves.toBe(true)
    expect(readdirSync(folder)).toEqual([])
  })

  it('is gone with its folder after its parent was killed', async () => {
    const folder = aFolder()
    const parent = runProgram(fileURLToPath(new URL('support/hold-ceph.ts', import.meta.url)), [folder])
    await parent.prints(/url=http:\S+\n/, 30)
    const url = /url=(\S+)/.exec(parent.output())?.[1] ?? ''
    await expect(isGone(url)).resolves.toBe(false)
    parent.process.kill('SIGKILL')
    await expect(becomesTrue(10, () => processesWith(`CEPH_CONF=${folder}`).length === 0)).resolves.toBe(true)
    await expect(becomesTrue(10, () => readdirSync(folder).length === 0)).resolves.toBe(true)
  })
})

describe('getting S3', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'hunter2' }

  it('takes the one that AWS_S3_ENDPOINT names, and leaves it running', async () => {
    const endpoint = await aServer(403)
    const s3 = await obtainS3(setting({ AWS_S3_ENDPOINT: endpoint, AWS_REGION: 'eu-central-1', ...keys }))
    expect(s3.access).toEqual({ endpoint, region: 'eu-central-1', accessKeyId: 'AKID', secretAccessKey: 'hunter2' })
    await s3.stop()
    await expect(isGone(endpoint)).resolves.toBe(false)
  })

  it('says that AWS_S3_ENDPOINT does not answer, and takes no other in its place', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`
    const obtained = obtainS3(setting({ PATH: process.env['PATH'], AWS_S3_ENDPOINT: endpoint, ...keys }))
    const error = await obtained.catch((caught: unknown) => caught)
    expect(String(error)).toMatch(
      /AWS_S3_ENDPOINT names http:\/\/127\.0\.0\.1:\d+, which does not answer: .*ECONNREFUSED.*unset AWS_S3_ENDPOINT/,
    )
    expect(String(error)).not.toContain('hunter2')
  })

  it('says that AWS_S3_ENDPOINT needs both keys', async () => {
    const endpoint = await aServer(200)
    await expect(obtainS3(setting({ AWS_S3_ENDPOINT: endpoint, AWS_ACCESS_KEY_ID: 'AKID' }))).rejects.toThrow(/AWS_SECRET_ACCESS_KEY/)
  })

  it('takes that of the compose file where it is healthy', async () => {
    const endpoint = await aServer(200)
    const found = await composedS3(endpoint).find(setting({}))
    expect(found.usable && (await found.start()).access).toMatchObject({ endpoint, accessKeyId: 'heliograph' })
    await expect(composedS3(await aServer(404)).find(setting({}))).resolves.toMatchObject({ usable: false })
    await expect(composedS3(`http://127.0.0.1:${await freePort()}`).find(setting({}))).resolves.toMatchObject({ usable: false })
  })

  it('has the packages installed only where there is an apt-get', async () => {
    await expect(cephFromDebian.find(setting({ PATH: aFolder() }))).resolves.toEqual({
      usable: false,
      reason: 'this system has no apt-get',
    })
  })

  it('names the command to type where there is none', async () => {
    await expect(obtainS3(setting({ PATH: aFolder() }))).rejects.toThrow(
      /not on PATH: setpriv, .*\n.*sudo apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd[^]*docker compose .* up -d --wait s3/,
    )
  })
})
