import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectFolder } from '../../dev/services/project.js'
import { run } from '../../dev/services/run.js'
import { testProgram } from '../../dev/services/test-programs.js'
import { commands } from '../src/admin/commands.js'
import { routes } from '../src/routes.js'
import type { Variable } from '../src/settings/variable.js'
import { variables } from '../src/settings/variables.js'
import { metricsIn, valuesIn } from './support/promql.js'

const read = (path: string) => readFileSync(join(projectFolder, path), 'utf8')
const page = read('docs/runbook.md')
const firewall = 'deploy/firewall/nftables.conf'
const rulesFolder = 'deploy/monitoring/rules'
const rules = readdirSync(join(projectFolder, rulesFolder))
  .map((name) => read(`${rulesFolder}/${name}`))
  .join('\n')
const alerts = [...new Set(valuesIn(rules, 'alert'))]

/** The first group of every match, once each. */
const named = (pattern: RegExp, text = page): string[] => [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))]

describe('the runbook', () => {
  it('has a section for each alert, and for nothing that does not alarm', () => {
    const [, chapter = ''] = page.split(/^## Alerts$/m)
    const sections = named(/^### (.+)$/gm, chapter.split(/^## /m)[0])
    expect(alerts.length).toBeGreaterThan(10)
    expect(sections.toSorted()).toEqual(alerts.toSorted())
    for (const runbook of valuesIn(rules, 'runbook'))
      expect(sections.map((name) => `docs/runbook.md#${name.toLowerCase()}`)).toContain(runbook)
  })

  it('names scripts of npm that exist', () => {
    const scripts = named(/npm run ([a-z]+)/g)
    expect(scripts).toContain('admin')
    const manifest: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
    expect(scripts.filter((name) => !(name in manifest.scripts))).toEqual([])
  })

  it('names commands that administer, with options that they take', () => {
    const calls = [...page.matchAll(/npm run admin -- ([a-z][a-z-]*)([^`#\n]*)/g)]
    expect(calls.length).toBeGreaterThan(15)
    for (const [call, name = '', words = ''] of calls) {
      const usage = commands.get(name)?.usage
      expect(usage, call).toBeDefined()
      for (const option of named(/(--[a-z-]+)/g, words)) expect(usage, call).toContain(option)
    }
  })

  it('names files and sections that exist', () => {
    const links = named(/\]\(([^)#]+)\)/g).map((path) => join(dirname('docs/runbook.md'), path))
    const paths = named(/(?<![\w./-])((?:deploy|nginx|docs)\/[\w./@-]+)/g)
    expect(links.length).toBeGreaterThan(10)
    expect(paths.length).toBeGreaterThan(0)
    expect([...links, ...paths].filter((path) => !existsSync(join(projectFolder, path)))).toEqual([])
    const anchors = new Set(named(/^#+ (.+)$/gm).map((title) => title.toLowerCase()))
    expect(named(/\]\(#([^)]+)\)/g).filter((anchor) => !anchors.has(anchor))).toEqual([])
  })

  it('names variables that the server reads', () => {
    const known = new Set(named(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g, read('.env.example')))
    const variables = named(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g)
    expect(variables.length).toBeGreaterThan(15)
    expect(variables.filter((name) => !known.has(name))).toEqual([])
  })

  it('says of every secret of the server how it is changed', () => {
    const [, chapter = ''] = page.split(/^### Change the secrets$/m)
    const [steps = ''] = chapter.split(/^### /m)
    const secrets = Object.entries<Variable>(variables).filter(([, { secret }]) => secret)
    expect(secrets.length).toBeGreaterThan(10)
    expect(secrets.map(([name]) => name).filter((name) => !steps.includes(name))).toEqual([])
  })

  it('names metrics that rules or dashboards name, which are exported', () => {
    const dashboards = join(projectFolder, 'deploy/monitoring/grafana/dashboards')
    const shown = readdirSync(dashboards)
      .map((name) => readFileSync(join(dashboards, name), 'utf8'))
      .join('\n')
    const known = new Set(valuesIn(rules, 'expr').flatMap(metricsIn))
    const metrics = named(/\b((?:auth|backup|certificate|db|email|http|mongo|nodejs|outbox|process|redis|server|sse)_[a-z0-9_]+)\b/g)
    expect(metrics.length).toBeGreaterThan(10)
    expect(metrics.filter((name) => !known.has(name) && !new RegExp(`\\b${name}\\b`).test(shown))).toEqual([])
  })

  it('replaces Compose’s workers as production was started, and nothing beside them', () => {
    const [command = ''] = named(/^\| Compose \|.*`(docker compose [^`]* up [^`]*)`/gm)
    expect(command.split(/ (?=-f|up)/)).toEqual([
      'docker compose',
      '-f docker-compose.yml',
      '-f docker-compose.prod.yml',
      expect.stringMatching(/^up -d --no-build --no-deps --force-recreate --wait api$/),
    ])
  })

  it('names paths of the API that are served', () => {
    const served = new Set(routes['/api/v1'].map(({ path }) => `/api/v1${path}`.replaceAll(/:\w+/g, ':id')))
    const paths = named(/(\/api\/v1\/[\w/:-]+)/g)
    expect(paths.length).toBeGreaterThan(3)
    expect(paths.filter((path) => !served.has(path))).toEqual([])
  })

  it('names what PM2 and Kubernetes call the server', () => {
    for (const name of named(/pm2 (?:reload|logs) ([\w-]+)/g)) expect(read('ecosystem.config.js')).toContain(`name: '${name}'`)
    for (const name of named(/deployment\/([\w-]+)/g)) expect(read('deploy/k8s/base/deployment.yaml')).toContain(`name: ${name}`)
    for (const name of named(/kubectl -n ([\w-]+)/g))
      expect(read('deploy/k8s/overlays/production/kustomization.yaml')).toContain(`namespace: ${name}`)
  })
})

describe('the firewall', () => {
  it('is one that nft takes', async () => {
    await run(testProgram('nftables'), ['-c', '-f', join(projectFolder, firewall)], { deadlineSeconds: 30 })
  })

  it('lets everybody come to what nginx listens on, and to nothing else', () => {
    const rule = /^ *tcp dport \{([^}]+)\} accept/gm
    const open = named(rule, read(firewall)).flatMap((ports) => ports.split(',').map((port) => port.trim()))
    const listened = named(/^\s*listen (?:\[::\]:)?(\d+)/gm, read('nginx/conf.d/heliograph.conf'))
    expect(open.toSorted()).toEqual(listened.toSorted())
    expect(read(firewall)).toContain('policy drop')
  })
})
