import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validate } from 'dockerfile-utils'
import { describe, expect, it } from 'vitest'
import { projectFolder } from '../../dev/services/project.js'
import { variables } from '../src/settings/variables.js'
import { buildContext, type Stage, stagesOf } from './support/dockerfile.js'

const read = (name: string): string => readFileSync(join(projectFolder, name), 'utf8')
const dockerfile = read('Dockerfile')
const context = buildContext(read('.dockerignore'))

const stepsOf = (stages: readonly Stage[], keyword: string) =>
  stages.flatMap(({ steps }) => steps).filter((step) => step.keyword === keyword)
const copiedFromContext = (stages: readonly Stage[]): string[] =>
  stepsOf(stages, 'COPY')
    .filter(({ flags }) => flags['from'] === undefined)
    .flatMap(({ words }) => words.slice(0, -1))
const secretNames = Object.entries(variables).flatMap(([name, variable]) => ('secret' in variable ? [name] : []))

/** What must hold of the Dockerfile; most of it as hadolint has it. */
const rules: Record<string, (stages: readonly Stage[], last: Stage) => boolean> = {
  'images have a tag that is not latest': (stages) => {
    const names = new Set(stages.map(({ name }) => name))
    return stages.every(({ from }) => names.has(from) || (/:[\w.-]+$/.test(from) && !from.endsWith(':latest')))
  },
  'Node is 24, in all stages the same': (stages) =>
    new Set(stages.map(({ from }) => from).filter((from) => from.startsWith('node:'))).size === 1 && dockerfileNode(stages) === '24',
  'nothing is added from elsewhere': (stages) => stepsOf(stages, 'ADD').length === 0,
  'packages are those of the lock, and run nothing of their own': (stages) =>
    stepsOf(stages, 'RUN')
      .map(({ words }) => words.join(' '))
      .every((line) => !/npm (i|install|add)\b/.test(line) && (!line.includes('npm ci') || line.includes('--ignore-scripts'))),
  'what runs has no packages of what builds and tests': (stages, last) =>
    last.steps
      .filter(({ keyword, flags }) => keyword === 'COPY' && flags['from'] !== undefined)
      .every(({ flags, words }) => {
        const origin = stages.find(({ name }) => name === flags['from'])
        const omits = origin?.steps.some((step) => step.words.join(' ').includes('npm ci --omit=dev'))
        return omits === true || words[0] === '/app/backend/dist'
      }),
  'apt-get takes what is asked for, and leaves no lists': (stages) =>
    stepsOf(stages, 'RUN')
      .map(({ words }) => words.join(' '))
      .filter((line) => line.includes('apt-get'))
      .every((line) => /apt-get update && .*-y --no-install-recommends .*&& rm -rf \/var\/lib\/apt\/lists\/\*$/.test(line)),
  'it does not run as root, and says so by number': (_stages, { steps }) =>
    /^[1-9]\d*:[1-9]\d*$/.test(steps.findLast(({ keyword }) => keyword === 'USER')?.words[0] ?? ''),
  'what runs is root’s': (_stages, { steps }) => steps.every(({ keyword, flags }) => keyword !== 'COPY' || flags['chown'] === undefined),
  'no shell stands between': (stages) =>
    ['ENTRYPOINT', 'CMD', 'HEALTHCHECK'].every(
      (keyword) => stepsOf(stages, keyword).length === 1 && stepsOf(stages, keyword)[0]?.json === true,
    ),
  'an init is the first process': (_stages, { steps }) =>
    steps.find(({ keyword }) => keyword === 'ENTRYPOINT')?.words[0] === '/usr/bin/tini',
  'Node asks for its health': (_stages, { steps }) => steps.find(({ keyword }) => keyword === 'HEALTHCHECK')?.words[0] === 'node',
  'no secret is built in': (stages) =>
    [...stepsOf(stages, 'ENV'), ...stepsOf(stages, 'ARG')].every(({ properties }) => secretNames.every((name) => !(name in properties))),
  'its labels are those of OCI': (_stages, { steps }) => {
    const labels = Object.keys(Object.assign({}, ...steps.filter(({ keyword }) => keyword === 'LABEL').map(({ properties }) => properties)))
    return ['title', 'description', 'licenses', 'version', 'revision'].every((name) => labels.includes(`org.opencontainers.image.${name}`))
  },
  'all that is copied is let in': (stages) => copiedFromContext(stages).every((path) => context.has(path)),
  'all that is let in is copied': (stages) => context.entries.every((entry) => copiedFromContext(stages).includes(entry)),
}

const dockerfileNode = (stages: readonly Stage[]): string | undefined =>
  /^node:(?<major>\d+)/.exec(stages.at(-1)?.from ?? '')?.groups?.['major']

const broken = (text: string): string[] => {
  const stages = stagesOf(text)
  const last = stages.at(-1)
  return last === undefined ? ['no stage'] : Object.keys(rules).filter((name) => rules[name]?.(stages, last) !== true)
}

describe('the Dockerfile', () => {
  it('is well-formed', () => {
    expect(validate(dockerfile).map(({ message, range }) => ({ line: range.start.line + 1, message }))).toEqual([])
  })

  it('keeps every rule', () => {
    expect(broken(dockerfile)).toEqual([])
  })

  it.each([
    ['images have a tag that is not latest', 'FROM node:24-bookworm-slim\n', 'FROM node:latest\n'],
    ['Node is 24, in all stages the same', 'FROM node:24-bookworm-slim\n', 'FROM node:22-bookworm-slim\n'],
    ['nothing is added from elsewhere', 'EXPOSE 3000', 'ADD https://example.com/a.tar.gz /\nEXPOSE 3000'],
    ['packages are those of the lock, and run nothing of their own', 'npm ci --ignore-scripts', 'npm ci'],
    ['packages are those of the lock, and run nothing of their own', 'npm ci --ignore-scripts', 'npm install'],
    ['what runs has no packages of what builds and tests', 'COPY --from=dependencies /app', 'COPY --from=build /app'],
    ['apt-get takes what is asked for, and leaves no lists', ' \\\n  && rm -rf /var/lib/apt/lists/*', ''],
    ['it does not run as root, and says so by number', 'USER 1000:1000', 'USER node'],
    ['it does not run as root, and says so by number', 'USER 1000:1000\n', ''],
    ['what runs is root’s', 'COPY --from=dependencies', 'COPY --chown=1000:1000 --from=dependencies'],
    ['no shell stands between', 'CMD ["node", "backend/dist/index.js"]', 'CMD node backend/dist/index.js'],
    ['an init is the first process', 'ENTRYPOINT ["/usr/bin/tini", "--"]\n', 'ENTRYPOINT ["/usr/bin/env"]\n'],
    ['Node asks for its health', '["node", "deploy/docker/health.mjs"]', '["curl", "-f", "http://localhost:3000/health"]'],
    ['no secret is built in', 'ARG REVISION=unknown', 'ARG JWT_SECRET'],
    ['its labels are those of OCI', 'org.opencontainers.image.licenses', 'licence'],
    ['all that is copied is let in', 'COPY deploy/s3 deploy/s3', 'COPY deploy/s3 deploy/s3\nCOPY .env ./'],
    ['all that is let in is copied', 'COPY deploy/s3 deploy/s3\n', ''],
  ])('is refused where this does not hold: %s (%j)', (rule, before, after) => {
    const changed = dockerfile.replace(before, after)
    expect(changed).not.toBe(dockerfile)
    expect(broken(changed)).toContain(rule)
  })
})

describe('what is sent to be built', () => {
  it.each(['.env', '.git/config', 'node_modules/vitest/package.json', 'backend/test/x.ts', 'backend/dist/index.js', 'secrets/jwt_secret'])(
    'has no %s',
    (path) => {
      expect(context.has(path)).toBe(false)
    },
  )
})
