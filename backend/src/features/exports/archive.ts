import { PassThrough, Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { ZipFile } from 'yazl'

/** A file of an archive; its content is made as it is read, once. */
export interface ArchiveFile {
  readonly path: string
  readonly content: () => AsyncIterable<string | Buffer> | Iterable<string | Buffer>
  /** Likely so: then it is stored as it is. */
  readonly isCompressed?: boolean
}

/** A zip of these files, streamed: a file is begun once the one before it is read, and its content is asked for no faster than the zip is. */
export async function* zipOf(files: AsyncIterable<ArchiveFile> | Iterable<ArchiveFile>): AsyncGenerator<Buffer> {
  const zip = new ZipFile()
  let open: Readable | undefined
  let isOver = false
  const output = zip.outputStream.pipe(new PassThrough())
  const fail = (error: Error): void => void output.destroy(error)
  zip.on('error', fail)
  const adding = add()
  try {
    for await (const chunk of output) yield Buffer.from(chunk)
    await adding
  } finally {
    isOver = true
    open?.destroy()
    output.destroy()
  }

  async function add(): Promise<void> {
    try {
      for await (const file of files) await addOne(file)
      zip.end()
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  /** Resolves once it is read. @throws where nobody reads any more: then whoever makes the files lets go of this one */
  async function addOne({ path, content, isCompressed = false }: ArchiveFile): Promise<void> {
    if (isOver) throw new Error('nobody reads the archive any more')
    open = Readable.from(content(), { objectMode: false })
    zip.addReadStream(open, path, { compress: !isCompressed })
    await finished(open)
  }
}

/** The same bytes in pieces of one size; the last may be shorter. */
export async function* inPieces(bytes: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let [gathered, length]: [Buffer[], number] = [[], 0]
  for await (const chunk of bytes) {
    gathered.push(chunk)
    length += chunk.length
    if (length < size) continue
    const all = Buffer.concat(gathered)
    let start = 0
    for (; all.length - start >= size; start += size) yield all.subarray(start, start + size)
    gathered = [all.subarray(start)]
    length = all.length - start
  }
  if (length > 0) yield Buffer.concat(gathered)
}
