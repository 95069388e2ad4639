import { type UploadDocument, type UploadsOfOne, viewUpload } from '../uploads/index.js'
import type { ArchiveFile } from './archive.js'
import type { Contents } from './contents.js'
import { jsonList } from './json-list.js'

interface Dependencies {
  readonly uploads: Pick<UploadsOfOne, 'all' | 'open'>
  readonly most?: { readonly bytes: number; readonly files: number }
}

/** Half of what an export may have, so that files never cost their person the rest of it. */
const usualMost = { bytes: 512 * 1024 ** 2, files: 10_000 }
const mostOfName = 100

/** A person's own files, the newest first, as far as they fit; and a list of them all, which says what is in the export and where the others can be had. */
export const filesOf = ({ uploads, most = usualMost }: Dependencies): Contents =>
  async function* (userId, noteRow): AsyncGenerator<ArchiveFile> {
    const included = new Set<string>()
    let bytes = 0
    for await (const upload of uploads.all(userId)) {
      const { id, status, size } = viewUpload(upload)
      if (status !== 'ready' || bytes + size > most.bytes || included.size >= most.files) continue
      const content = await uploads.open(upload)
      if (!content) continue
      try {
        yield { path: pathOf(upload), content: () => content, isCompressed: true }
      } finally {
        content.destroy()
      }
      bytes += size
      included.add(id)
    }
    yield { path: 'uploads.json', content: () => jsonList(listed()) }

    async function* listed(): AsyncGenerator<object> {
      for await (const upload of uploads.all(userId)) {
        noteRow()
        yield about(upload, included.has(upload._id.toHexString()))
      }
    }
  }

/** Named so that it can be unpacked anywhere. */
const pathOf = ({ _id, fileName }: UploadDocument): string => {
  const name = Array.from(fileName.replaceAll(/[\\/:*?"<>|\p{Cc}]/gu, '_'))
    .slice(-mostOfName)
    .join('')
  return `files/${_id.toHexString()}-${name}`
}

const about = (upload: UploadDocument, isIncluded: boolean): object => {
  const view = viewUpload(upload)
  return {
    ...view,
    attachedIn: (upload.conversations ?? []).map((id) => id.toHexString()),
    path: isIncluded ? pathOf(upload) : null,
    ...(!isIncluded && view.status === 'ready' && { hadFrom: `/api/v1/uploads/${view.id}/content` }),
  }
}
