import { freePort } from '../../../dev/services/free-port.js'
import { type RedisServer, startRedis } from './redis-server.js'
import { until } from './redis-server-clients.js'

/** A Redis Cluster of a test's own. */
export interface RedisCluster {
  readonly masters: readonly RedisServer[]
  /** Each follows the master at the same place; none unless asked for. */
  readonly replicas: readonly RedisServer[]
  /** REDIS_CLUSTER. */
  readonly addresses: string
  stop(): Promise<void>
}

const slots = 16_384

const aNode = async (settings: readonly string[] = []): Promise<RedisServer & { readonly busPort: number }> => {
  const busPort = await freePort()
  const cluster = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '2000']
  const server = await startRedis({ settings: [...cluster, '--repl-diskless-sync-delay', '0', ...settings] })
  return { ...server, busPort }
}

const infoOf = (server: RedisServer): Promise<string> => server.admin.cluster('INFO')

/** Starts three masters that share the slots, and a replica for each if asked for. */
export const startRedisCluster = async ({ withReplicas = false }: { withReplicas?: boolean } = {}): Promise<RedisCluster> => {
  const started: RedisServer[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((server) => server.stop()))
  }
  try {
    const nodes = await Promise.all(
      Array.from({ length: withReplicas ? 6 : 3 }, async () => {
        const node = await aNode()
        started.push(node)
        return node
      }),
    )
    const [masters, replicas] = [nodes.slice(0, 3), nodes.slice(3)]
    for (const [n, { admin }] of masters.entries()) {
      const [first, last] = [Math.ceil((n * slots) / 3), Math.ceil(((n + 1) * slots) / 3) - 1]
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', first, last)
      await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1)
    }
    for (const { port, busPort } of nodes) await masters[0]?.admin.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
    await until(async () => (await Promise.all(nodes.map(infoOf))).every((info) => info.includes(`cluster_known_nodes:${nodes.length}`)))
    for (const [n, { admin }] of replicas.entries()) {
      const id = await masters[n]?.admin.cluster('MYID')
      await until(async () => (await admin.call('CLUSTER', 'REPLICATE', id ?? '')) === 'OK')
      await until(async () => (await admin.info('replication')).includes('master_link_status:up'))
    }
    await until(async () => (await Promise.all(nodes.map(infoOf))).every((info) => info.includes('cluster_state:ok')))
    return { masters, replicas, addresses: masters.map(({ port }) => `127.0.0.1:${port}`).join(','), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Moves a tag's slot, keys and all, from one master to another. */
export const moveSlot = async ({ masters }: RedisCluster, tag: string): Promise<void> => {
  const slot = Number(await masters[0]?.admin.cluster('KEYSLOT', tag))
  const from = Math.floor((slot * 3) / slots)
  const [source, target] = [masters[from], masters[(from + 1) % 3]]
  if (!source || !target) throw new Error('no such master')
  const [sourceId, targetId] = [await source.admin.cluster('MYID'), await target.admin.cluster('MYID')]
  await target.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId)
  await source.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId)
  const keys = (): Promise<string[]> => source.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000) as Promise<string[]>
  for (let left = await keys(); left.length > 0; left = await keys()) {
    await source.admin.call('MIGRATE', '127.0.0.1', target.port, '', 0, 2000, 'KEYS', ...left)
  }
  for (const { admin } of [target, source, ...masters]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', targetId)
}
