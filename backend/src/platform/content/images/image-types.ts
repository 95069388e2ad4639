/** Pictures that are made anew. */
export const imageTypes = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'] as const
export type ImageType = (typeof imageTypes)[number]

/** @param found as the bytes were recognised @returns undefined for what is no picture of ours */
export const imageTypeOf = (found: string): ImageType | undefined =>
  found === 'image/apng' ? 'image/png' : imageTypes.find((type) => type === found)

/** What cameras and phones write beside JPEG. It tells where a picture was taken, and we cannot take that out. */
const photographs =
  /^image\/(?:tiff|hei[cf](?:-sequence)?|jxl|j2c|jp2|jpx|jpm|mj2|vnd\.ms-photo|x-(?:canon-cr[23]|adobe-dng|nikon-nef|sony-arw|panasonic-rw2|fujifilm-raf|olympus-orf))$/

export const isPhotographOfOtherFormat = (found: string): boolean => photographs.test(found)
