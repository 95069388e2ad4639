import type { RunningS3 } from '../s3.js'
import type { Way } from '../service.js'
import { withoutCredentials } from '../without-credentials.js'
import { knockAtS3 } from './knock.js'

const deadlineMilliseconds = 5000

/** The S3 that AWS_S3_ENDPOINT names. */
export const givenS3Endpoint: Way<RunningS3> = {
  name: 'the address in AWS_S3_ENDPOINT',
  remedy: "to use one of yours: export AWS_S3_ENDPOINT='http://127.0.0.1:9000' AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…",
  async find({ environment }) {
    const { AWS_S3_ENDPOINT: endpoint, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment
    if (!endpoint) return { usable: false, reason: 'AWS_S3_ENDPOINT is not set' }
    const shown = withoutCredentials(endpoint)
    if (!accessKeyId || !secretAccessKey)
      throw new Error(`AWS_S3_ENDPOINT names ${shown}, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set.`)
    try {
      await knockAtS3(endpoint, deadlineMilliseconds)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`AWS_S3_ENDPOINT names ${shown}, which does not answer: ${reason}. Start that server, or unset AWS_S3_ENDPOINT.`, {
        cause: error,
      })
    }
    const access = { endpoint, region: environment['AWS_REGION'] || 'us-east-1', accessKeyId, secretAccessKey }
    return { usable: true, start: async () => ({ url: endpoint, access, description: 'found (AWS_S3_ENDPOINT)', stop: async () => {} }) }
  },
}
