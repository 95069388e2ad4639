import type { UploadDocument } from './model.js'
import type { UploadView } from './schema.js'

const servedSizeOf = ({ servedSize, size }: UploadDocument): number => servedSize ?? size

export const viewUpload = (upload: UploadDocument): UploadView => {
  const { width, height, thumbnail, refusal } = upload
  return {
    id: upload._id.toHexString(),
    status: upload.status,
    purpose: upload.purpose,
    fileName: upload.fileName,
    contentType: upload.contentType,
    size: servedSizeOf(upload),
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    ...(thumbnail && { thumbnails: [{ size: 'thumbnail', width: thumbnail.width, height: thumbnail.height }] }),
    ...(refusal !== undefined && { refusal }),
    createdAt: upload.createdAt.toISOString(),
  }
}
