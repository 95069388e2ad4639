import { benchAccess } from './access/access.js'
import { benchHttp } from './http/http.js'
import { benchLogin } from './login/login.js'
import { benchMessaging } from './messaging/messaging.js'
import { benchSend } from './send/send.js'
import { benchStream } from './stream/stream.js'
import { benchUploads } from './uploads/uploads.js'

const benchmarks: Readonly<Record<string, (words: readonly string[]) => Promise<void>>> = {
  access: benchAccess,
  http: benchHttp,
  login: benchLogin,
  messaging: benchMessaging,
  send: benchSend,
  stream: benchStream,
  uploads: benchUploads,
}

const [name = '', ...words] = process.argv.slice(2)
const benchmark = benchmarks[name]
if (benchmark) {
  await benchmark(words)
} else {
  console.log(`npm run bench -- <name>, where the name is one of: ${Object.keys(benchmarks).join(', ')}`)
  process.exitCode = name === '' ? 0 : 1
}
