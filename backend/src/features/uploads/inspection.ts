import { ContentRefusal } from '../../platform/content/content-errors.js'
import type { Images, MadeImage } from '../../platform/content/images/images.js'
import { inspect } from '../../platform/content/inspect.js'
import type { Scanner } from '../../platform/content/scanner/scanner.js'
import type { Source } from '../../platform/content/source.js'
import type { Storage } from '../../platform/storage/storage.js'

/** What is known of a file once it was looked at. */
export interface SeenContent {
  readonly contentType: string
  /** Bytes, where it was written anew. */
  readonly size?: number
  readonly width?: number
  readonly height?: number
  readonly thumbnail?: { readonly width: number; readonly height: number; readonly contentType: string }
}

/** A file that nobody may have yet, and where a thumbnail of it goes. Both keys are written by the server alone. */
interface FileToSee {
  readonly key: string
  readonly thumbnailKey: string
  readonly contentType: string
  /** Bytes. */
  readonly size: number
  readonly purpose: 'attachment' | 'avatar'
}

interface Dependencies {
  readonly images: Pick<Images, 'remake'>
  /** Undefined: nothing is looked through for what does harm. */
  readonly scanner: Pick<Scanner, 'scan'> | undefined
}

/** Looks at what was uploaded: whether it is what it is said to be, whether it does harm; and makes pictures anew. */
export class Inspection {
  readonly #deps: Dependencies
  constructor(deps: Dependencies) {
    this.#deps = deps
  }

  /** @returns why it is refused, for people; or what it is. @throws ContentUnavailable or StorageUnavailable where it cannot be told now */
  async inspect(storage: Storage, file: FileToSee): Promise<{ readonly refusal: string } | SeenContent> {
    const { images, scanner } = this.#deps
    const { key, size, contentType } = file
    const source: Source = { size, contentType, read: (range) => storage.read(key, range) }
    try {
      const seen = await inspect(source)
      if (file.purpose === 'avatar' && seen.image === undefined) return { refusal: 'An avatar has to be a picture' }
      await scanner?.scan(source)
      if (seen.image === undefined) return { contentType: seen.contentType }
      return await images.remake(source, seen.image, ({ image, thumbnail }) => written(storage, file, image, thumbnail))
    } catch (error) {
      if (error instanceof ContentRefusal) return { refusal: error.detail }
      throw error
    }
  }
}

/** In place of what came. */
const written = async (
  storage: Storage,
  { key, thumbnailKey }: FileToSee,
  image: MadeImage,
  thumbnail: MadeImage,
): Promise<SeenContent> => {
  await storage.write(thumbnailKey, thumbnail.read(), thumbnail)
  await storage.write(key, image.read(), image)
  const { contentType, size, width, height } = image
  return {
    contentType,
    size,
    width,
    height,
    thumbnail: { width: thumbnail.width, height: thumbnail.height, contentType: thumbnail.contentType },
  }
}
