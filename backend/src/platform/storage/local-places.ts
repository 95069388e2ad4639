import { join } from 'node:path'

const keyPattern = /^(pending|final)\/([0-9a-f]{24})(?:\/(original|thumbnail))?$/
const namePattern = /^([0-9a-f]{24})(?:\.(original|thumbnail))?$/
/** A key as it stands in a path, in one segment. */
export const objectPattern = /^(?:pending\.[0-9a-f]{24}|final\.[0-9a-f]{24}\.(?:original|thumbnail))$/
export const multipartIdPattern = /^[0-9a-f]{32}$/
/** By S3's rules. */
export const mostParts = 10_000

export const objectOf = (key: string): string => key.replaceAll('/', '.')
export const keyOf = (object: string): string => object.replaceAll('.', '/')

/** The areas in the order of their keys. */
export const areas = ['final', 'pending'] as const
/** Ids begin with the second in which they were made: a folder has what 18 hours brought, and folders are in the order of keys. */
const folderDigits = 4
export const folderPattern = /^[0-9a-f]{4}$/

/** Where things are below the folder of uploads. Nothing that is no key becomes a path. */
export class LocalPlaces {
  readonly root: string
  /** What is being written, before it gets its name. */
  readonly temporary: string
  readonly multiparts: string
  constructor(root: string) {
    this.root = root
    this.temporary = join(root, 'temporary')
    this.multiparts = join(root, 'multipart')
  }

  /** All that has to be there before anything is written. */
  get folders(): readonly string[] {
    return [this.temporary, this.multiparts, ...areas.map((area) => join(this.root, area))]
  }

  area(area: (typeof areas)[number]): string {
    return join(this.root, area)
  }

  /** @throws Error for what is no key */
  object(key: string): { readonly folder: string; readonly path: string } {
    const [, area = '', id = '', which] = keyPattern.exec(key) ?? []
    if ((area === 'final') !== (which !== undefined) || id === '') throw new Error(`not a key of the storage: ${JSON.stringify(key)}`)
    const folder = join(this.root, area, id.slice(0, folderDigits))
    return { folder, path: join(folder, which === undefined ? id : `${id}.${which}`) }
  }

  multipart(uploadId: string): string {
    if (!multipartIdPattern.test(uploadId)) throw new Error(`not a multipart's id: ${JSON.stringify(uploadId)}`)
    return join(this.multiparts, uploadId)
  }

  part(uploadId: string, number: number): string {
    return join(this.multipart(uploadId), `part-${Math.trunc(number)}`)
  }
}

/** The key of what is called so in an area; undefined for what is none of ours. */
export const keyOfName = (area: (typeof areas)[number], name: string): string | undefined => {
  const [, id, which] = namePattern.exec(name) ?? []
  if (id === undefined || (area === 'final') !== (which !== undefined)) return undefined
  return which === undefined ? `${area}/${id}` : `${area}/${id}/${which}`
}
