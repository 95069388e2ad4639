import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium } from 'playwright-core'
import { testProgram } from '../../../dev/services/test-programs.js'

const launchDeadlineMs = 60_000

/** Serves an empty page. @returns its origin */
export const aWebServer = async (): Promise<{ origin: string; close(): void }> => {
  const server = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html>'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => void server.close() }
}

/** Starts Chromium without a window. @throws where this machine has none, with what to type */
export const startChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: testProgram('chromium'),
    args: ['--no-sandbox', '--disable-dev-shm-usage'], // root, and containers
    timeout: launchDeadlineMs,
  })
