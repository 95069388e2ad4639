import { z } from 'zod'

/** In UTF-16; the longest that Unicode recommends, a kiss of two with skin tones, has 15. */
const mostUnits = 32
/** Made at run time: the compiler's target does not know the flag. Which emoji there are is what this Node's Unicode says. */
const recommended = new RegExp(String.raw`^\p{RGI_Emoji}$`, 'v')
const selectors = /[\uFE0E\uFE0F]/g
/** What is shown as text unless a variation selector or a skin tone follows. */
const shownAsText = /(?!\p{Emoji_Presentation})\p{Emoji}(?!\p{Emoji_Modifier})/gu

/** With a variation selector wherever UTS 51 has one (fully-qualified), and nowhere else: keyboards leave them out, or ask for a text's heart. */
const fullyQualified = (text: string): string => text.replaceAll(selectors, '').replaceAll(shownAsText, '$&\uFE0F')

/** One emoji of those recommended for general interchange (RGI, UTS 51), fully-qualified; each skin tone is one of its own. */
export const Emoji = z
  .string()
  .max(mostUnits, { error: 'one emoji', abort: true })
  .overwrite(fullyQualified)
  .refine((text) => recommended.test(text), 'one emoji')
  .meta({
    description: 'One emoji (Unicode’s RGI set), percent-encoded; variation selectors make no difference, skin tones do',
    example: '👍',
  })
