import { describe, expect, it } from 'vitest'
import { Emoji } from '../src/features/messages/emoji.js'

const recommended = new RegExp(String.raw`^\p{RGI_Emoji}$`, 'v')
const tones = ['🏻', '🏼', '🏽', '🏾', '🏿']
const endings = ['', '\uFE0F', ...tones]
const letters = Array.from({ length: 26 }, (_, n) => String.fromCodePoint(0x1f1e6 + n))
const joined = ['👁️‍🗨️', '🏳️‍🌈', '🏳️‍⚧️', '🏴‍☠️', '❤️‍🔥', '🐻‍❄️', '👨‍👩‍👧‍👦', '🕵🏻‍♀️', '⛹🏽‍♂️', '👩🏻‍❤️‍💋‍👨🏼', '🧑🏿‍🤝‍🧑🏻', '👩‍⚕️', '🏴󠁧󠁢󠁥󠁮󠁧󠁿']

/** All of Unicode's recommended emoji but those that are joined, of which there are some. */
const everyEmoji = (): string[] => {
  const characters = Array.from({ length: 0x20000 }, (_, n) => n)
    .filter((n) => n < 0xd800 || n > 0xdfff)
    .map((n) => String.fromCodePoint(n))
  const alone = characters.flatMap((character) => endings.map((ending) => character + ending))
  const keys = Array.from('0123456789#*', (key) => `${key}\uFE0F\u20E3`)
  const flags = letters.flatMap((first) => letters.map((second) => first + second))
  return [...alone, ...keys, ...flags, ...joined].filter((text) => recommended.test(text))
}

describe('an emoji', () => {
  it('is any that Unicode recommends, with or without its variation selectors, and is kept fully-qualified', () => {
    const all = everyEmoji()
    expect(all.length).toBeGreaterThan(2000)
    for (const emoji of all) {
      expect([emoji, Emoji.parse(emoji)]).toEqual([emoji, emoji])
      expect([emoji, Emoji.parse(emoji.replaceAll('\uFE0F', ''))]).toEqual([emoji, emoji])
    }
  })

  it('that asks to be shown as text is the same one', () => {
    expect(Emoji.parse('❤\uFE0E')).toBe('❤\uFE0F')
  })

  it('with a skin tone is one of its own', () => {
    expect(new Set(['👍', ...tones.map((tone) => `👍${tone}`)].map((emoji) => Emoji.parse(emoji))).size).toBe(6)
  })

  it.each([
    ['nothing', ''],
    ['a letter', 'a'],
    ['a word', 'thumbsup'],
    ['a name', ':+1:'],
    ['a digit', '1'],
    ['a digit that would be an emoji', '1\uFE0F'],
    ['a hash sign', '#'],
    ['two emoji', '👍👍'],
    ['an emoji and a space', '👍 '],
    ['an emoji and an invisible character', '👍\u200B'],
    ['half of a flag', '🇩'],
    ['a flag of nobody’s', '🇽🇽'],
    ['a joiner', '\u200D'],
    ['a variation selector', '\uFE0F'],
    ['an unknown family', '👍‍👎'],
    ['two skin tones', '👍🏻🏿'],
    ['half a surrogate pair', '\ud83d'],
    ['an operator', '$set'],
    ['a path', '../👍'],
    ['far too much', '👍'.repeat(1000)],
    ['too many joined', Array.from({ length: 20 }, () => '👩').join('‍')],
  ])('is not %s', (_name, text) => {
    expect(Emoji.safeParse(text).success).toBe(false)
  })
})
