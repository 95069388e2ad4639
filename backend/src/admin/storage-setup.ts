import { setUpBucket } from '../platform/storage/s3-setup.js'
import { type Command, CommandError, noWords } from './command.js'

/** The bucket and its settings are made by who may make them, which the server itself need not. */
export const storageSetup: Command['prepare'] = (words) => {
  noWords(words)
  return async ({ context, config, by, print }) => {
    const { s3 } = config.storage
    if (!s3) throw new CommandError('AWS_S3_BUCKET is not set: there is no bucket to set up')
    for await (const line of setUpBucket(s3, config.server.corsOrigins)) print(line)
    await context.audit.record({ action: 'storage.set_up', outcome: 'done', ...by, target: { kind: 'bucket', id: s3.bucket } })
  }
}
