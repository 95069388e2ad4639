import { benchHttp } from './http/http.js'
import { benchSend } from './send/send.js'

const benchmarks: Readonly<Record<string, () => Promise<void>>> = { http: benchHttp, send: benchSend }

const [name = ''] = process.argv.slice(2)
const benchmark = benchmarks[name]
if (benchmark) {
  await benchmark()
} else {
  console.log(`npm run bench -- <name>, where the name is one of: ${Object.keys(benchmarks).join(', ')}`)
  process.exitCode = name === '' ? 0 : 1
}
