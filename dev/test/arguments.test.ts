import { describe, expect, it } from 'vitest'
import { parseArguments, parsePort } from '../start/arguments.js'

describe('the command line', () => {
  it('starts one worker unless told otherwise', () => {
    expect(parseArguments([])).toEqual({ workers: 1 })
    expect(parseArguments(['--workers', '4'])).toEqual({ workers: 4 })
    expect(parseArguments(['--workers=2'])).toEqual({ workers: 2 })
    expect(parseArguments(['-h'])).toBe('help')
  })

  it.each([['--wokers', '2'], ['4'], ['--workers'], ['--workers', 'many'], ['--workers', '0'], ['--workers', '65']])(
    'refuses %s %s',
    (...words) => {
      expect(() => parseArguments(words.filter((word) => word !== undefined))).toThrow(/argument|option|--workers/i)
    },
  )

  it('takes a port from 1 to 65535, and 3000 where none is given', () => {
    expect(parsePort(undefined)).toBe(3000)
    expect(parsePort('8080')).toBe(8080)
    for (const text of ['x', '0', '65536', '80.5']) expect(() => parsePort(text)).toThrow(`PORT is '${text}'`)
  })
})
