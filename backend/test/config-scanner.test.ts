import { describe, expect, it } from 'vitest'
import { faultsOf, read } from './support/configuration.js'

describe('the settings of the scanner', () => {
  it('are off unless set', () => {
    expect(read().scanner).toBeUndefined()
  })

  it('say where clamd is, by socket or by host', () => {
    const socket = { SCANNER: 'clamd', CLAMD_SOCKET: '/run/clamav/clamd.ctl' }
    expect(read(socket).scanner).toEqual({ at: { path: '/run/clamav/clamd.ctl' }, timeoutMs: 60_000, mostBytes: 25_000_000 })
    const host = { SCANNER: 'clamd', CLAMD_HOST: 'clamd.internal', SCANNER_TIMEOUT: '2m', SCANNER_MAX_SIZE: '1000' }
    expect(read(host).scanner).toEqual({ at: { host: 'clamd.internal', port: 3310 }, timeoutMs: 120_000, mostBytes: 1000 })
    expect(read({ ...host, CLAMD_PORT: '1234' }).scanner).toMatchObject({ at: { port: 1234 } })
  })

  it.each([
    [{ SCANNER: 'clamd' }, 'CLAMD_SOCKET: is required'],
    [{ SCANNER: 'clamd', CLAMD_SOCKET: '/a', CLAMD_HOST: 'b' }, 'CLAMD_SOCKET: is set beside CLAMD_HOST'],
    [{ CLAMD_SOCKET: '/a' }, 'SCANNER: is not set'],
    [{ CLAMD_HOST: 'b' }, 'SCANNER: is not set'],
    [{ SCANNER: 'other' }, 'SCANNER:'],
    [{ SCANNER: 'clamd', CLAMD_SOCKET: 'clamd.ctl' }, 'CLAMD_SOCKET: a path'],
    [{ SCANNER: 'clamd', CLAMD_HOST: 'b', SCANNER_MAX_SIZE: '0' }, 'SCANNER_MAX_SIZE:'],
  ])('are refused as %o', (environment, fault) => {
    expect(faultsOf(environment).join('\n')).toContain(fault)
  })
})
