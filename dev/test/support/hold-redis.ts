/** Starts a Redis in the folder given, prints its address, and waits to be killed. */
import { obtainRedis } from '../../services/redis.js'

const { url } = await obtainRedis({
  environment: { PATH: process.env['PATH'] },
  dataFolder: process.argv[2] ?? '',
  durable: false,
  progress: () => {},
})
console.log(`url=${url}`)
setInterval(() => {}, 60_000)
