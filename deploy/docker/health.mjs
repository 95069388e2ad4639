// The container's HEALTHCHECK: ends with 0 when the server in it takes requests.
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'

const { PORT = '3000', TLS_CERT_FILE } = process.env
const path = '/health/ready'
const target = { host: '127.0.0.1', port: PORT, path, timeout: 4000, rejectUnauthorized: false } // its certificate is for another name

const request = (TLS_CERT_FILE ? getHttps : getHttp)(target, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
request.on('timeout', () => request.destroy(new Error(`no answer from ${path}`)))
request.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
