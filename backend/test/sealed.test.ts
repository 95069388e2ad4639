import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Sealer } from '../src/platform/sealed.js'

const aKey = () => createSecretKey(randomBytes(48))

describe('what is sealed', () => {
  const key = aKey()
  const sealer = new Sealer([key], 'totp')

  it.each(['', 'a secret', '🔑'.repeat(1000)])('opens for its owner: %#', (text) => {
    expect(sealer.open(sealer.seal(text, 'ann'), 'ann')).toBe(text)
  })

  it('shows nothing of the text, and is another each time', () => {
    const [once, again] = [sealer.seal('a secret', 'ann'), sealer.seal('a secret', 'ann')]
    expect(once).not.toBe(again)
    expect(Buffer.from(once, 'base64url').toString('latin1')).not.toContain('secret')
    expect(once).toMatch(/^[\w-]+$/)
  })

  it('opens for nobody else, for no other purpose and under no other key', () => {
    const sealed = sealer.seal('a secret', 'ann')
    expect(sealer.open(sealed, 'bob')).toBeUndefined()
    expect(new Sealer([key], 'refresh').open(sealed, 'ann')).toBeUndefined()
    expect(new Sealer([aKey()], 'totp').open(sealed, 'ann')).toBeUndefined()
  })

  it('does not open once a bit of it has changed', () => {
    const bytes = Buffer.from(sealer.seal('a secret', 'ann'), 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at)
      expect(sealer.open(changed.toString('base64url'), 'ann')).toBeUndefined()
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(sealer.open(bytes.subarray(0, length).toString('base64url'), 'ann')).toBeUndefined()
    }
  })

  it('opens after the key was replaced, as long as the former one is known', () => {
    const sealed = sealer.seal('a secret', 'ann')
    const [next, other] = [aKey(), aKey()]
    const replaced = new Sealer([next, other, key], 'totp')
    expect(replaced.open(sealed, 'ann')).toBe('a secret')
    expect(replaced.look(sealed, 'ann')).toEqual({ text: 'a secret', former: true })
    expect(replaced.look(replaced.seal('a secret', 'ann'), 'ann')).toEqual({ text: 'a secret', former: false })
    expect(new Sealer([next], 'totp').open(replaced.seal('another', 'ann'), 'ann')).toBe('another')
  })
})
