import type { Cluster } from 'ioredis'
import { z } from 'zod'
import type { Address } from './redis-address.js'

/** Of CLUSTER SLOTS: first slot, last slot, the master; replicas follow. */
const Slots = z.array(z.tuple([z.int(), z.int(), z.tuple([z.string(), z.int()]).rest(z.unknown())]).rest(z.unknown()))

/** Which master owns the slot of each of these tags. @throws where the cluster does not answer, or a slot has no owner */
export const ownersOf = async (cluster: Cluster, tags: readonly string[]): Promise<Map<string, Address>> => {
  const ranges = Slots.parse(await cluster.cluster('SLOTS'))
  const owners = new Map<string, Address>()
  for (const tag of tags) {
    const slot = await cluster.cluster('KEYSLOT', tag)
    const [, , node] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? []
    if (!node || node[0] === '') throw new Error(`Nobody owns the slot of ${tag}`)
    owners.set(tag, { host: node[0], port: node[1] })
  }
  return owners
}
