import type { Cluster, Redis } from 'ioredis'

export type RunScript = (...parameters: (string | Buffer | number)[]) => Promise<unknown>

/** Makes a Lua script a function: its keys, then its arguments; before them how many keys there are, where they are `counted`. ioredis sends EVALSHA, and the script itself where Redis has forgotten it. */
export const defineScript = (redis: Redis | Cluster, name: string, numberOfKeys: number | 'counted', lua: string): RunScript => {
  redis.defineCommand(name, numberOfKeys === 'counted' ? { lua } : { numberOfKeys, lua })
  const command: unknown = Reflect.get(redis, name)
  if (typeof command !== 'function') throw new Error(`${name} was not defined`)
  return (...parameters) => Reflect.apply(command, redis, parameters) as Promise<unknown>
}
