import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { mongo } from 'mongoose'
import { codeOf } from '../../platform/storage/local-disk.js'
import type { UploadDocument } from './model.js'

/** @returns what is wrong with a folder that cannot be that of these uploads: some are ready, and it has no file of any; undefined where nothing is */
export const folderFault = async (
  uploads: Pick<mongo.Collection<UploadDocument>, 'findOne'>,
  folder: string,
): Promise<string | undefined> => {
  if (!(await uploads.findOne({ status: 'ready' }, { projection: { _id: 1 } }))) return undefined
  const files = join(folder, 'final')
  for (const name of await namesIn(files)) if ((await namesIn(join(files, name))).length > 0) return undefined
  return `no upload's file is in ${folder}, and some ought to be: name by UPLOAD_DIR or AWS_S3_BUCKET where the workers have them`
}

const namesIn = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return []
    throw error
  }
}
