/** Percent-encodes all but what RFC 3986 leaves unreserved. The text may hold no half of a surrogate pair. */
export const encodeStrictly = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
