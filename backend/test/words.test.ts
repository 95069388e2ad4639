import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { wordsOf } from '../src/features/messages/words.js'
import { lookUpsOf, says, termsOf } from '../src/features/search/terms.js'
import { isWellFormed } from '../src/http/text.js'

/** Whether a message is found: by its words first, then by its text. */
const finds = (question: string, text: string): boolean => {
  const words = wordsOf(text) ?? []
  const terms = termsOf(question)
  const found = lookUpsOf(terms).map((lookUp) => words.some((word) => (typeof lookUp === 'string' ? word === lookUp : lookUp.test(word))))
  return found.length > 0 && found.every(Boolean) && says(text, terms)
}

describe('a text', () => {
  it.each([
    ['hello', 'Hello, world!'],
    ['WORLD hello', 'Hello, world!'],
    ['wor', 'Hello, world!'],
    ['"hello world"', 'Hello, world!'],
    ['“Hello world”', 'Hello, world!'],
    ['«hello»', 'Hello, world!'],
    ['"hello wor', 'hello wor'],
    ['cafe', 'Café crème'],
    ['CAFÉ', 'cafe\u0301'],
    ['strasse', 'Straße 5'],
    ['σισυφος', 'ΣΊΣΥΦΟΣ'],
    ['plan b', 'Plan B it is'],
    ["don't", 'I don’t know'],
    ['amour', 'l’amour'],
    ['foo@example.com', 'mail foo@example.com today'],
    ['2025', 'in 2025'],
    ['دنيا', 'دُنْيا'],
    ['दुनि', 'नमस्ते दुनिया'],
    ['학교', '학교에서 만나요'],
    ['京', '我们去北京'],
    ['北京', '我们去北京旅游'],
    ['们去北', '我们去北京旅游'],
    ['"我们去" 旅游', '我们去北京旅游'],
    ['ビール', 'ビールをください'],
    ['สวัสดี', 'สวัสดีครับ'],
    ['👍', 'fine 👍🏽'],
    ['❤️', 'I ❤ it'],
    ['👨‍👩‍👧', 'my 👨‍👩‍👧 and I'],
    ['🇩🇪', 'to 🇩🇪!'],
    ['x'.repeat(100), `a ${'x'.repeat(100)}`],
    ['x'.repeat(30), `a ${'x'.repeat(100)}`],
  ])('is found by %s: %s', (question, text) => {
    expect(finds(question, text)).toBe(true)
  })

  it.each([
    ['ello', 'Hello, world!'],
    ['"hell"', 'Hello, world!'],
    ['"world hello"', 'Hello, world!'],
    ['"hello world"', 'Hello brave world'],
    ['hello moon', 'Hello, world!'],
    ['plan b', 'the plan of mine'],
    ['京北', '我们去北京旅游'],
    ['去京', '我们去北京旅游'],
    ['ビール', 'ヒール'],
    ['👎', 'fine 👍🏽'],
    ['🇩🇰', 'to 🇩🇪!'],
    ['.*', 'Hello, world!'],
    ['h.llo', 'Hello, world!'],
  ])('is not found by %s: %s', (question, text) => {
    expect(finds(question, text)).toBe(false)
  })

  it('is found by each of its words, and by all of it in quotes', () => {
    const word = fc.stringMatching(/^[a-zà-öø-ÿа-я0-9]{2,12}$/)
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 15 }), fc.nat(), (words, at) => {
        const text = words.join(' ')
        expect(finds(words[at % words.length] ?? '', text)).toBe(true)
        expect(finds(`"${text}"`, text)).toBe(true)
      }),
    )
  })

  it('has 256 words at most, each once, whatever it says', () => {
    expect(wordsOf(Array.from({ length: 3000 }, (_, n) => `w${n}`).join(' '))).toHaveLength(256)
    expect(wordsOf('a rose is a rose is a rose')).toEqual(['ROSE', 'IS'])
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (text) => {
        const words = wordsOf(text) ?? []
        expect(words.length).toBeLessThanOrEqual(256)
        expect(words.filter((word) => !isWellFormed(word))).toEqual([])
      }),
    )
  })

  it.each(['', '\u200b', '...', 'a', '1 2 3', null])('has no words: %j', (text) => {
    expect(wordsOf(text)).toBeUndefined()
  })
})
