import type { Way } from '../service.js'
import { withoutCredentials } from '../without-credentials.js'
import { pingRedis } from './ping.js'

/** The server that REDIS_URL names. */
export const givenRedisUrl: Way = {
  name: 'the address in REDIS_URL',
  remedy: "to use a server of yours: export REDIS_URL='redis://127.0.0.1:6379'",
  async find({ environment }) {
    const url = environment['REDIS_URL']
    if (!url) return { usable: false, reason: 'REDIS_URL is not set' }
    try {
      await pingRedis(url, 3000)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(
        `REDIS_URL names ${withoutCredentials(url)}, which does not answer: ${reason}. Start that server, or unset REDIS_URL.`,
        { cause: error },
      )
    }
    return { usable: true, start: async () => ({ url, description: 'found (REDIS_URL)', stop: async () => {} }) }
  },
}
