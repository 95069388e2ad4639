/** More would make positions long without another server to carry them. */
export const mostShards = 16

/** FNV-1a, 32 bits: cheap, and the same for every worker of every version. */
const hashOf = (text: string): number => {
  let hash = 0x81_1c_9d_c5
  for (let n = 0; n < text.length; n++) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01_00_01_93)
  return hash >>> 0
}

/** The shard that keeps what is named so. */
export const shardOfName = (name: string, shards: number): number => (shards === 1 ? 0 : hashOf(name) % shards)

/** Keeps all names that carry it in one slot of a Redis Cluster. */
export const tagOf = (shard: number): string => `{${shard}}`
