import type { RunningS3 } from '../s3.js'
import type { Way } from '../service.js'
import { knockAtS3 } from './knock.js'

const deadlineMilliseconds = 2000

/** As docker-compose.dev.yml says it. */
const access = {
  endpoint: 'http://127.0.0.1:8333',
  region: 'us-east-1',
  accessKeyId: 'heliograph',
  secretAccessKey: 'heliograph-development',
}

/** The S3 of the compose file, where it runs. */
export const composedS3 = (endpoint = access.endpoint): Way<RunningS3> => ({
  name: 'the S3 of docker-compose.dev.yml',
  remedy: 'start it: docker compose -f docker-compose.dev.yml up -d --wait s3',
  async find() {
    const status = await knockAtS3(endpoint, deadlineMilliseconds, '/healthz').catch(() => undefined)
    if (status !== 200) return { usable: false, reason: `nothing healthy at ${endpoint}` }
    return {
      usable: true,
      start: async () => ({
        url: endpoint,
        access: { ...access, endpoint },
        description: 'found (docker-compose.dev.yml)',
        stop: async () => {},
      }),
    }
  },
})
