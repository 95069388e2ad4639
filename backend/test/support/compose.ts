import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { projectFolder } from '../../../dev/services/project.js'

const Mount = z.union([
  z.string().transform((text) => {
    const [source = '', target = '', mode] = text.split(':')
    return { source, target, mode }
  }),
  z
    .looseObject({ source: z.string(), target: z.string(), read_only: z.boolean().default(false) })
    .transform(({ source, target, read_only }) => ({ source, target, mode: read_only ? 'ro' : undefined })),
])

const Limits = z.looseObject({ cpus: z.string(), memory: z.string(), pids: z.int() })

/** What the tests look at of a service; that it is one at all is for dclint to say. */
const Service = z.looseObject({
  image: z.string().optional(),
  profiles: z.array(z.string()).default([]),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  restart: z.string().optional(),
  read_only: z.boolean().optional(),
  privileged: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
  volumes: z.array(Mount).default([]),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
  healthcheck: z.looseObject({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  logging: z.object({ driver: z.string(), options: z.record(z.string(), z.string()) }).optional(),
  stop_grace_period: z.string().optional(),
  deploy: z.looseObject({ resources: z.looseObject({ limits: Limits }).optional() }).optional(),
})
export type Service = z.output<typeof Service>

const ComposeFile = z.looseObject({
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.unknown()).default({}),
  networks: z.record(z.string(), z.unknown()).default({}),
  secrets: z.record(z.string(), z.object({ file: z.string() })).default({}),
})
export type ComposeFile = z.output<typeof ComposeFile>

/** A compose file of the project's, its variables not filled in. */
export const composeFile = (name: string): ComposeFile =>
  ComposeFile.parse(parse(readFileSync(join(projectFolder, name), 'utf8'), { merge: true }))

/** What a file's text means where no variable is set: `${NAME:-default}` is its default, `$$` a dollar sign. */
export const filledIn = (text: string): string =>
  text.replace(/\$\{(?<name>\w+):-(?<fallback>[^}]*)\}|\$\$/g, (all, _name: string, fallback: string) => (all === '$$' ? '$' : fallback))
