/** Starts an S3 in the folder given, prints its address, and waits to be killed. */
import { obtainS3 } from '../../services/s3.js'

const { url } = await obtainS3({
  environment: { PATH: process.env['PATH'] },
  dataFolder: process.argv[2] ?? '',
  durable: false,
  progress: () => {},
})
console.log(`url=${url}`)
setInterval(() => {}, 60_000)
