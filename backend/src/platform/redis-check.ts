import type { Redis } from 'ioredis'

/** What a Redis server is told apart by: whether it may be used, and what its operator should know. */
interface Verdict {
  readonly refusal: string | undefined
  readonly warning: string | undefined
}

type Version = readonly [major: number, minor: number, patch: number]

/** The first version of each line that has the fixes of CVE-2024-46981 and CVE-2025-49844; a line between or before these has not. */
const fixedIn: Record<'redis' | 'valkey', readonly Version[]> = {
  redis: [
    [7, 2, 11],
    [7, 4, 6],
    [8, 0, 4],
    [8, 2, 2],
  ],
  valkey: [
    [7, 2, 11],
    [8, 0, 6],
    [8, 1, 4],
  ],
}

/** True for an error that the server answered with, as against none coming. */
export const isAnswer = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError'

const parseInfo = (text: string): Map<string, string> =>
  new Map(text.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]))

const policyOf = async (redis: Redis, info: Map<string, string>): Promise<string | undefined> => {
  try {
    const [, policy] = (await redis.config('GET', 'maxmemory-policy')) as string[]
    if (policy !== undefined) return policy
  } catch (error) {
    if (!isAnswer(error)) throw error
  }
  return info.get('maxmemory_policy')
}

const isFixed = ([major, minor, patch]: Version, fixes: readonly Version[]): boolean => {
  const fix = fixes.find((version) => version[0] === major && version[1] === minor)
  if (fix) return patch >= fix[2]
  const [lastMajor, lastMinor] = fixes.at(-1) ?? [0, 0]
  return major > lastMajor || (major === lastMajor && minor > lastMinor)
}

/** Why the version that INFO tells should be replaced; undefined where it need not be. */
export const versionWarning = (info: ReadonlyMap<string, string>): string | undefined => {
  const valkey = info.get('valkey_version') // which calls itself Redis 7.2.4 too
  const product = valkey === undefined ? 'redis' : 'valkey'
  const text = valkey ?? info.get('redis_version') ?? 'unknown'
  const [major = 0, minor = 0, patch = 0] = text.split('.').map(Number)
  if (isFixed([major, minor, patch], fixedIn[product])) return undefined
  const fixes = fixedIn[product].map((version) => version.join('.')).join(', ')
  return `Redis: ${product} ${text} lacks the fixes of use after free in Lua, CVE-2024-46981 and CVE-2025-49844, unless its packager has added them: use ${fixes} or later`
}

/**
 * Asks the server whether it may be used: what the event log holds must stay until it is trimmed, so nothing may be evicted.
 * @throws where no answer comes
 */
export const checkRedis = async (redis: Redis): Promise<Verdict> => {
  try {
    const info = parseInfo(await redis.info())
    const policy = await policyOf(redis, info)
    const refusal =
      policy === 'noeviction'
        ? undefined
        : `maxmemory-policy is ${policy ?? 'not to be read'}: set it to noeviction, or events would be lost`
    return { refusal, warning: versionWarning(info) }
  } catch (error) {
    if (!isAnswer(error)) throw error
    return { refusal: `INFO is not answered (${(error as Error).message}): allow it to this user`, warning: undefined }
  }
}
