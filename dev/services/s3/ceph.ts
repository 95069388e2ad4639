import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free-port.js'
import { run } from '../run.js'
import type { RunningS3 } from '../s3.js'
import type { Setting } from '../service.js'
import { startServer } from '../start-server.js'
import { cephSettings } from './ceph-settings.js'
import { knockAtS3 } from './knock.js'

const prepareDeadlineSeconds = 60
const startDeadlineSeconds = 60
const knockDeadlineMilliseconds = 1000

/** What makes files for a monitor that knows of the storage daemon, so that nobody has to tell it of one. */
const preparing = (clusterId: string, monitorPort: number): readonly (readonly [string, ...string[]])[] => [
  ['monmaptool', '--create', '--fsid', clusterId, '--addv', 'a', `[v2:127.0.0.1:${monitorPort}]`, 'monmap'],
  ['osdmaptool', '--createsimple', '1', 'osdmap'],
  ['ceph-mon', '-i', 'a', '--mkfs', '--monmap', 'monmap', '--osdmap', 'osdmap'],
  ['ceph-osd', '-i', '0', '--mkfs', '--no-mon-config', '--monmap', 'monmap', '--osd-uuid', randomUUID()],
]

/** The shell becomes the gateway: what it started before ends with it, however it ends. */
const running = `set -e
setpriv --pdeathsig KILL ceph-mon -i a -f --no-mon-config &
setpriv --pdeathsig KILL ceph-osd -i 0 -f --no-mon-config &
radosgw-admin --no-mon-config user create --uid=heliograph --display-name=heliograph --access-key="$1" --secret-key="$2" >/dev/null
exec radosgw -n client.rgw -f --no-mon-config`

/**
 * Starts Ceph's S3 gateway on a free port of 127.0.0.1. It holds everything in memory, and its folder is removed at its end.
 * @param gateway lines of Ceph's configuration, such as `rgw_lc_debug_interval = 1`
 * @throws Error with the end of what was printed where it does not come up
 */
export const startCeph = async (
  { dataFolder, environment }: Pick<Setting, 'dataFolder' | 'environment'>,
  gateway: readonly string[] = [],
): Promise<RunningS3> => {
  mkdirSync(dataFolder, { recursive: true })
  const folder = mkdtempSync(join(dataFolder, 'ceph-'))
  for (const name of ['mon', 'osd']) mkdirSync(join(folder, name))
  const place = { folder, clusterId: randomUUID(), monitorPort: await freePort(), gatewayPort: await freePort(), gateway }
  const settingsFile = join(folder, 'ceph.conf')
  writeFileSync(settingsFile, cephSettings(place))

  const inFolder = { ...process.env, ...environment, CEPH_CONF: settingsFile }
  for (const [program, ...words] of preparing(place.clusterId, place.monitorPort)) {
    await run(program, words, { deadlineSeconds: prepareDeadlineSeconds, environment: inFolder, folder })
  }

  const url = `http://127.0.0.1:${place.gatewayPort}`
  const [accessKeyId, secretAccessKey] = ['heliograph', randomBytes(20).toString('hex')]
  const server = await startServer({
    command: 'setpriv',
    arguments: ['--pdeathsig', 'KILL', 'sh', '-c', running, 'sh', accessKeyId, secretAccessKey],
    environment: inFolder,
    logFile: join(folder, 'output.log'),
    readyDeadlineSeconds: startDeadlineSeconds,
    stopDeadlineSeconds: 5,
    removeFolder: folder,
    probe: () => knockAtS3(url, knockDeadlineMilliseconds),
  })
  return {
    url,
    access: { endpoint: url, region: 'us-east-1', accessKeyId, secretAccessKey },
    description: "started Ceph's gateway, in memory",
    stop: () => server.stop(),
  }
}
