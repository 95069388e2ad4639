import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's folder: where tsx and the other tools resolve from. */
export const projectFolder = fileURLToPath(new URL('../..', import.meta.url))

/** Where what is costly to fetch is kept between projects and runs. */
export const cacheFolder = (environment: Readonly<Record<string, string | undefined>> = process.env): string =>
  join(environment['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'heliograph')
