import { createHash } from 'node:crypto'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '../program.js'
import { debianMirrors, makePrivateApt } from './apt-settings.js'

const wanted = 'postgresql-18-documentdb'
// Nothing that runs here loads these; apt is told they are installed, so that it leaves out what they would bring.
const unneeded = ['locales', 'postgresql-common', 'postgresql-client-common', 'ssl-cert', 'debconf', 'proj-data']
const unneededLibraries = /lib(gdal|sfcgal)[0-9a-z.]*/g
const fetchDeadlineMs = 600_000
const progressStepBytes = 10_000_000

/** The packages of the engine and of all it needs, as Debian has them now. */
export interface PackageSet {
  readonly count: number
  readonly bytes: number
  /** Stands for exactly these versions. */
  readonly hash: string
  /** Fetches them. @returns the .deb files */
  fetch(progress: (line: string) => void): Promise<string[]>
}

const pretendInstalled = (name: string): string =>
  `Package: ${name}\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\nVersion: 9999:1\n` +
  'Maintainer: nobody <nobody@localhost>\nDescription: not wanted\n\n'

const readLists = async (folder: string): Promise<NodeJS.ProcessEnv> => {
  const failures: unknown[] = []
  for (const mirror of await debianMirrors()) {
    const env = await makePrivateApt(folder, mirror)
    try {
      await runProgram('apt-get', ['-qq', '--error-on=any', 'update'], { env, deadlineMs: fetchDeadlineMs })
      return env
    } catch (error) {
      failures.push(error)
    }
  }
  throw new AggregateError(failures, `none of Debian's mirrors could be read: ${failures.map(String).join('; ')}`)
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`

/** Resolves the packages through an apt of its own in `folder`. */
export const resolvePackages = async (folder: string): Promise<PackageSet> => {
  const env = await readLists(folder)
  const libraries = (await runProgram('apt-cache', ['depends', 'postgresql-18-postgis-3'], { env })).match(unneededLibraries) ?? []
  writeFileSync(join(folder, 'status'), [...new Set([...unneeded, ...libraries])].map(pretendInstalled).join(''))

  const install = ['-y', '--no-install-recommends', 'install', wanted]
  // One line a package: 'address' file-name bytes hash
  const lines = (await runProgram('apt-get', ['-qq', '--print-uris', ...install], { env })).trim().split('\n').toSorted()
  const bytes = lines.reduce((sum, line) => sum + Number(line.split(' ')[2]), 0)
  const versions = lines.map((line) => line.split(' ').slice(1).join(' ')).join('\n')
  return {
    count: lines.length,
    bytes,
    hash: createHash('sha256').update(versions).digest('hex').slice(0, 12),
    async fetch(progress) {
      let told = 0
      const onStatusLine = (line: string) => {
        const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1]
        const fetched = (Number(percent ?? 0) / 100) * bytes
        if (fetched < told + progressStepBytes) return
        told = fetched
        progress(`fetched ${megabytes(fetched)} of ${megabytes(bytes)}`)
      }
      await runProgram('apt-get', ['-q', '--download-only', '-o', 'APT::Status-Fd=3', ...install], {
        env,
        deadlineMs: fetchDeadlineMs,
        onStatusLine,
      })
      const archives = join(folder, 'cache/archives')
      return readdirSync(archives)
        .filter((name) => name.endsWith('.deb'))
        .map((name) => join(archives, name))
    },
  }
}
