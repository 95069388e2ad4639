import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../program.js'

/** Where Postgres' programs lie below a root. */
export const programsFolder = 'usr/lib/postgresql/18/bin'

const programs = new Set(['initdb', 'postgres'])
const unread = ['doc', 'man', 'locale', 'info', 'lintian', 'bug', 'perl', 'perl5'].map((name) => `usr/share/${name}`)
// Only the just-in-time compiler reads it, and that is off.
const bitcode = 'usr/lib/postgresql/18/lib/bitcode'

const isElf = (file: string): boolean => {
  const descriptor = openSync(file, 'r')
  try {
    const start = Buffer.alloc(4)
    readSync(descriptor, start)
    return start.equals(Buffer.from('\x7fELF', 'latin1'))
  } finally {
    closeSync(descriptor)
  }
}

/** The root's own libraries and loader, relative to it; their names hold the architecture. */
const findLoader = (root: string): { libraries: string; loader: string } => {
  for (const triplet of readdirSync(join(root, 'usr/lib')).filter((name) => name.endsWith('-linux-gnu'))) {
    const loader = readdirSync(join(root, 'usr/lib', triplet)).find((name) => /^ld-linux-.+\.so\.\d+$/.test(name))
    if (loader) return { libraries: `usr/lib/${triplet}`, loader: `usr/lib/${triplet}/${loader}` }
  }
  throw new Error(`no loader in ${root}/usr/lib`)
}

// Debian's programs expect their libraries in /usr/lib; called through the root's own loader they need neither chroot nor rights.
const wrapper = (program: string, { libraries, loader }: { libraries: string; loader: string }): string =>
  [
    '#!/bin/sh',
    'folder=$(dirname "$(readlink -f "$0")")',
    `root=\${folder%/${programsFolder}}`,
    `exec "$root/${loader}" --argv0 "$folder/${program}" --library-path "$root/${libraries}:$folder/../lib" "$folder/elf/${program}" "$@"`,
    '',
  ].join('\n')

const wrapPrograms = (root: string): void => {
  const folder = join(root, programsFolder)
  const loader = findLoader(root)
  mkdirSync(join(folder, 'elf'))
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (name === 'elf') continue
    if (!programs.has(name)) {
      rmSync(file)
      continue
    }
    if (!isElf(file)) throw new Error(`${file} is not a program`)
    renameSync(file, join(folder, 'elf', name))
    writeFileSync(file, wrapper(name, loader))
    chmodSync(file, 0o755)
  }
}

/** Unpacks .deb files into a new folder `root` from which Postgres can run, wherever the folder is moved to. */
export const unpackPackages = async (files: readonly string[], root: string): Promise<void> => {
  mkdirSync(root, { recursive: true })
  chmodSync(root, 0o755)
  const queue = [...files]
  const unpackQueue = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) await runProgram('dpkg-deb', ['-x', file, root])
  }
  await Promise.all(Array.from({ length: availableParallelism() }, unpackQueue))
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) if (!existsSync(join(root, name))) symlinkSync(`usr/${name}`, join(root, name))
  // A maintainer script does this otherwise (update-alternatives).
  symlinkSync('postgis-3.control', join(root, 'usr/share/postgresql/18/extension/postgis.control'))
  for (const name of [...unread, bitcode]) rmSync(join(root, name), { recursive: true, force: true })
  wrapPrograms(root)
}
