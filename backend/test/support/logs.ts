import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'

const Line = z.looseObject({ pid: z.int(), level: z.int(), time: z.iso.datetime(), msg: z.string(), requestId: z.string().optional() })
type LogLine = z.infer<typeof Line>

const textOf = (path: string): string => (path.endsWith('.gz') ? gunzipSync(readFileSync(path)).toString() : readFileSync(path, 'utf8'))

/** All lines of these logs. @throws Error where one is not a whole one */
export const linesOf = (...paths: readonly string[]): LogLine[] =>
  paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .slice(0, -1)
      .map((line) => Line.parse(JSON.parse(line))),
  )

/** The requests that these logs tell of. */
export const idsIn = (...paths: readonly string[]): string[] =>
  linesOf(...paths).flatMap(({ requestId }) => (requestId === undefined ? [] : [requestId]))

/** A log and what was renamed of it, compressed or not, in a folder. */
export const rotationsOf = (folder: string, name: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith(name))
    .map((file) => join(folder, file))
