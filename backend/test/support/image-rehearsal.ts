import { chownSync, cpSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, posix, relative } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'
import { run } from '../../../dev/services/run.js'
import { buildContext, type Stage, type Step, stagesOf } from './dockerfile.js'

/** What a Dockerfile's last stage comes to, in a folder in place of an image. */
export interface RehearsedImage {
  /** Stands for the image's `/`. */
  readonly root: string
  readonly workingDirectory: string
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly user: string
  readonly healthCheck: readonly string[]
  /** ENTRYPOINT and CMD. */
  readonly command: readonly string[]
  /** What apt-get is to install: taken to be there. */
  readonly packages: readonly string[]
}

type Draft = { -readonly [Key in keyof RehearsedImage]: RehearsedImage[Key] } & {
  entrypoint: readonly string[]
  variables: Record<string, string>
}

const runDeadlineSeconds = 300
const isRoot = process.getuid?.() === 0
const systemPackages =
  /^apt-get update && apt-get install -y --no-install-recommends (?<packages>[a-z0-9 .+-]+) && rm -rf \/var\/lib\/apt\/lists\/\*$/
const ownedFolder = /^install -d -o (?<user>\d+) -g (?<group>\d+) (?<folder>\/[\w/.-]+)$/

/** What tells a program how this machine reaches the registry; nothing else of the environment goes in. */
const networkEnvironment = (): Record<string, string | undefined> => {
  const names = Object.keys(process.env).filter((name) => /^(NODE_EXTRA_CA_CERTS|SSL_CERT_\w+|\w+_proxy|npm_config_registry)$/i.test(name))
  return Object.fromEntries(names.map((name) => [name, process.env[name]]))
}

const copy = (from: string, to: string, filter: (path: string) => boolean): void => {
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter: (path) => filter(path) })
}

/**
 * Does what a Dockerfile says, step by step, in a folder: copies what .dockerignore lets it copy, runs npm with the Node at hand and a HOME with nothing
 * in it. What it would do to the system itself is read, not done.
 * @throws Error at a step that fails, copies what is not there, or is of a kind that is not known here
 */
export const rehearseImage = async (
  texts: { readonly dockerfile: string; readonly ignoreFile: string },
  folder: string,
  buildArguments: Readonly<Record<string, string>> = {},
): Promise<RehearsedImage> => {
  const stages = stagesOf(texts.dockerfile)
  const context = buildContext(texts.ignoreFile)
  const drafts = new Map<string, Draft>()

  const begin = (stage: Stage, number: number): Draft => {
    const root = join(folder, String(number))
    mkdirSync(root)
    const earlier = drafts.get(stage.from)
    if (earlier) copy(earlier.root, root, () => true)
    const inherited = {
      workingDirectory: '/',
      environment: {},
      labels: {},
      user: 'root',
      healthCheck: [],
      command: [],
      packages: [],
      entrypoint: [],
    }
    return { ...inherited, ...earlier, root, variables: {} }
  }

  const copyStep = (draft: Draft, { flags, words }: Step): void => {
    const sources = words.slice(0, -1)
    const destination = words.at(-1) ?? ''
    const origin = flags['from'] === undefined ? undefined : drafts.get(flags['from'])
    if (flags['from'] !== undefined && !origin) throw new Error(`COPY --from=${flags['from']}: no such stage`)
    for (const source of sources) {
      if (!origin && !context.has(source)) throw new Error(`COPY ${source}: .dockerignore keeps it out`)
      const from = origin ? join(origin.root, source) : join(projectFolder, source)
      if (!existsSync(from)) throw new Error(`COPY ${source}: it is not there`)
      const into = join(draft.root, posix.resolve(draft.workingDirectory, destination))
      const to = statSync(from).isFile() && destination.endsWith('/') ? join(into, posix.basename(source)) : into
      copy(from, to, (path) => origin !== undefined || context.has(relative(projectFolder, path)))
    }
  }

  const runStep = async (draft: Draft, { words }: Step): Promise<void> => {
    const line = words.join(' ')
    const packages = systemPackages.exec(line)?.groups?.['packages']
    const owned = ownedFolder.exec(line)?.groups
    if (packages !== undefined) draft.packages = [...draft.packages, ...packages.split(' ')]
    else if (owned) {
      const path = join(draft.root, owned['folder'] ?? '')
      mkdirSync(path, { recursive: true })
      if (isRoot) chownSync(path, Number(owned['user']), Number(owned['group']))
    } else if (words[0] === 'npm') {
      const home = join(folder, 'home')
      mkdirSync(home, { recursive: true })
      const npm = {
        npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
        npm_config_userconfig: join(homedir(), '.npmrc'),
      }
      const environment = { ...networkEnvironment(), ...npm, PATH: process.env['PATH'], HOME: home, ...draft.environment }
      await run('npm', words.slice(1), {
        deadlineSeconds: runDeadlineSeconds,
        environment,
        folder: join(draft.root, draft.workingDirectory),
      })
    } else throw new Error(`RUN ${line}: not known how to rehearse it`)
  }

  const filled = (draft: Draft, properties: Step['properties']) =>
    Object.fromEntries(
      Object.entries(properties).map(([name, text]) => [
        name,
        text.replace(/\$\{(\w+)\}/g, (_all, key: string) => draft.variables[key] ?? ''),
      ]),
    )

  const take: Record<string, (draft: Draft, step: Step) => void | Promise<void>> = {
    COPY: copyStep,
    RUN: runStep,
    WORKDIR(draft, { words: [path = '/'] }) {
      draft.workingDirectory = path
      mkdirSync(join(draft.root, path), { recursive: true })
    },
    ARG: (draft, { properties }) =>
      void Object.assign(
        draft.variables,
        properties,
        Object.fromEntries(Object.entries(buildArguments).filter(([name]) => name in properties)),
      ),
    ENV: (draft, { properties }) => void (draft.environment = { ...draft.environment, ...filled(draft, properties) }),
    LABEL: (draft, { properties }) => void (draft.labels = { ...draft.labels, ...filled(draft, properties) }),
    USER: (draft, { words: [user = 'root'] }) => void (draft.user = user),
    EXPOSE: () => undefined,
    VOLUME: () => undefined,
    HEALTHCHECK: (draft, { words }) => void (draft.healthCheck = words),
    ENTRYPOINT: (draft, { words }) => void (draft.entrypoint = words),
    CMD: (draft, { words }) => void (draft.command = words),
  }

  let last: Draft | undefined
  for (const [number, stage] of stages.entries()) {
    last = begin(stage, number)
    for (const step of stage.steps) {
      const taken = take[step.keyword]
      if (!taken) throw new Error(`${step.keyword}: not known how to rehearse it`)
      await taken(last, step)
    }
    if (stage.name !== undefined) drafts.set(stage.name, last)
  }
  if (!last) throw new Error('no stage')
  const { entrypoint, variables: _ofTheBuild, ...image } = last
  return { ...image, command: [...entrypoint, ...last.command] }
}
