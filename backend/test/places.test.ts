import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { faultsOf } from './support/configuration.js'
import { aPerson } from './support/people.js'
import { aPlacesFile } from './support/places-file.js'
import { startTestApp, type TestApp } from './support/test-app.js'

const deadlineMs = 30_000
const named = (name: string) => ({ names: { en: name, de: 'anders' } })
const folder = mkdtempSync(join(tmpdir(), 'heliograph-places-'))
const file = join(folder, 'places.mmdb')
let app: TestApp
beforeAll(async () => {
  writeFileSync(
    file,
    aPlacesFile({
      '192.0.2.0/24': { city: named('Berlin'), country: { ...named('Germany'), iso_code: 'DE' } },
      '198.51.100.128/25': { country: named('Côte d’Ivoire, a name of more than twenty-nine bytes') },
      '203.0.113.7/32': { city: named('Athens') },
      '2001:db8:0:0:0:0:0:0/32': { city: named('Wien'), country: named('Austria') },
      '10.0.0.0/8': { traits: { what: 'nothing of use' } },
    }),
  )
  app = await startTestApp({ GEOIP_FILE: file, TRUST_PROXY: 'loopback' }, { sessions: { placesEveryMs: 20 } })
})
afterAll(async () => {
  await app.close()
  rmSync(folder, { recursive: true })
})

describe('the place of an address', () => {
  it.each([
    ['192.0.2.1', 'Berlin, Germany'],
    ['::ffff:192.0.2.255', 'Berlin, Germany'],
    ['198.51.100.200', 'Côte d’Ivoire, a name of more than twenty-nine bytes'],
    ['198.51.100.1', 'unknown'],
    ['203.0.113.7', 'Athens'],
    ['203.0.113.8', 'unknown'],
    ['2001:db8::1', 'Wien, Austria'],
    ['2001:db9::1', 'unknown'],
    ['10.1.2.3', 'unknown'],
    ['127.0.0.1', 'unknown'],
    ['', 'unknown'],
    ['no address', 'unknown'],
    ['192.0.2', 'unknown'],
  ])('of %j is %s', (ip, place) => {
    expect(app.context.placeOf(ip)).toBe(place)
  })

  it('is shown with the session that was signed in from there', async () => {
    const { phone, password } = await aPerson(app)
    const answer = await app.request.post('/api/v1/auth/login').set('X-Forwarded-For', '192.0.2.3').send({ phone, password }).expect(200)
    expect(answer.body.session).toMatchObject({ ip: '192.0.2.3', place: 'Berlin, Germany', current: true })
  })

  it('is unknown without a file', async () => {
    const other = await startTestApp({ MONGO_URI: app.context.config.mongo.uri, JWT_SECRET: app.secret })
    expect(other.context.placeOf('192.0.2.1')).toBe('unknown')
    await other.close()
  })

  it('is that of a new file once that is there, and of the old one where the new one is broken', async () => {
    const replace = (content: Buffer) => {
      writeFileSync(join(folder, 'next'), content)
      renameSync(join(folder, 'next'), file)
    }
    const logged = app.context.logger
    let warned = 0
    const warn = logged.warn.bind(logged)
    logged.warn = (...line: Parameters<typeof warn>) => {
      warned += 1
      return warn(...line)
    }
    replace(Buffer.from('not a places file'))
    await expect.poll(() => warned, { timeout: deadlineMs }).toBeGreaterThan(0)
    expect(app.context.placeOf('192.0.2.1')).toBe('Berlin, Germany')
    replace(aPlacesFile({ '192.0.2.0/24': { city: named('Hamburg') } }))
    await expect.poll(() => app.context.placeOf('192.0.2.1'), { timeout: deadlineMs }).toBe('Hamburg')
  })
})

describe('GEOIP_FILE', () => {
  it('has to be a file in MaxMind DB format', () => {
    const broken = join(folder, 'broken')
    writeFileSync(broken, 'nothing')
    for (const path of [broken, '/nowhere/places.mmdb', folder]) {
      expect(faultsOf({ GEOIP_FILE: path })).toEqual([expect.stringMatching('^GEOIP_FILE: a file in MaxMind DB format')])
    }
  })
})
