import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'undici'
import { afterAll, beforeAll } from 'vitest'
import { temporaryFolder } from '../../../dev/services/temporary-folder.js'
import { afterwards, anApp } from './listening.js'
import { fingerprintAt } from './nginx-client.js'
import type { Person } from './people.js'
import { type Authority, aCertificate, anAuthority } from './redis-server-certificates.js'
import { SseClient } from './sse-client.js'
import type { TestApp } from './test-app.js'

/** Certificates of a test's own authority, and servers and clients that use them. */
export class TlsWorld {
  readonly #temporary = temporaryFolder()
  #authority: Authority = { certificate: '', key: '' }
  #good: Authority = { certificate: '', key: '' }
  #count = 0

  /** Made for one file of tests, and removed after it. */
  static forThisFile(): TlsWorld {
    const world = new TlsWorld()
    beforeAll(async () => {
      world.#authority = await anAuthority(world.folder, 'authority')
      world.#good = await world.aCertificate()
    })
    afterAll(() => world.#temporary.remove())
    return world
  }

  get folder(): string {
    return this.#temporary.path
  }

  /** A certificate that is never changed. */
  get good(): Authority {
    return this.#good
  }

  /** The PEM file of what vouches for all of them. */
  get authority(): string {
    return this.#authority.certificate
  }

  async aCertificate(): Promise<Authority> {
    const path = join(this.folder, `certificate-${this.#count++}`)
    await mkdir(path)
    return aCertificate(path, this.#authority, 'IP:127.0.0.1')
  }

  /** Which certificate a server shows just now. */
  shownBy(app: TestApp): Promise<string | undefined> {
    return fingerprintAt(portOf(app), this.authority)
  }

  client(url: string): Client {
    const client = new Client(url, { connect: { ca: readFileSync(this.authority) } })
    afterwards(() => client.destroy())
    return client
  }

  async aStream(app: TestApp, { accessToken }: Person): Promise<SseClient> {
    const headers = { authorization: `Bearer ${accessToken}` }
    const stream = await SseClient.open(`${app.url}/sse`, { dispatcher: this.client(app.url), headers })
    await stream.waitFor(({ event }) => event === 'resume', 30_000)
    return stream
  }
}

export const portOf = ({ url }: TestApp): number => Number(new URL(url).port)

/** The variables that have a server speak TLS. */
export const overTls = ({ certificate, key }: Authority) => ({ TLS_CERT_FILE: certificate, TLS_KEY_FILE: key })

/** A server over TLS; people are made at the one beside it, in the clear. */
export const aTlsApp = async (environment: Record<string, string>): Promise<{ beside: TestApp; app: TestApp }> => {
  const beside = await anApp()
  const shared = { MONGO_URI: beside.context.config.mongo.uri, JWT_SECRET: beside.secret }
  return { beside, app: await anApp({ ...shared, ...environment }) }
}
