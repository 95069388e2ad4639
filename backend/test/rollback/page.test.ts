import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { projectFolder } from '../../../dev/services/project.js'
import { run } from '../../../dev/services/run.js'
import { commands } from '../../src/admin/commands.js'

const read = (path: string) => readFileSync(join(projectFolder, path), 'utf8')
const page = read('deploy/rollback.md')
const blocks = page.split(/\n(?! {4}|\n)/).filter((text) => text.includes('\n    '))
const typed = page
  .split('\n')
  .filter((line) => line.startsWith('    '))
  .join('\n')

/** The first group of every match, once each. */
const named = (pattern: RegExp, text = page): string[] => [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))]

describe('deploy/rollback.md', () => {
  it('has commands that a shell takes, for every way to deploy', async () => {
    expect(blocks.length).toBeGreaterThan(6)
    for (const block of blocks) {
      const lines = block.split('\n').filter((line) => line.startsWith('    '))
      await run('sh', ['-nc', lines.join('\n')], { deadlineSeconds: 10 })
    }
    const ways = ['PM2 and systemd', 'Under PM2', 'Under systemd', 'Docker Compose', 'Kubernetes', 'ECS']
    expect(named(/^#+ (.+)$/gm)).toEqual(expect.arrayContaining(ways))
  })

  it('names scripts of npm, and commands that administer, that exist', () => {
    const scripts: unknown = JSON.parse(read('package.json'))
    const known = z.object({ scripts: z.record(z.string(), z.string()) }).parse(scripts).scripts
    expect(named(/npm run ([a-z]+)/g).filter((name) => !(name in known))).toEqual([])
    const administer = named(/npm run admin -- ([a-z-]+)/g)
    expect(administer.length).toBeGreaterThan(0)
    expect(administer.filter((name) => !commands.has(name))).toEqual([])
  })

  it('names files and sections that exist', () => {
    const links = named(/\]\(([^)]+)\)/g)
    expect(links.length).toBeGreaterThan(3)
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const file = join('deploy', path)
      expect(existsSync(join(projectFolder, file)), link).toBe(true)
      const titles = anchor === undefined ? [] : named(/^#+ (.+)$/gm, read(file)).map((title) => title.toLowerCase().replaceAll(' ', '-'))
      if (anchor !== undefined) expect(titles).toContain(anchor)
    }
    const paths = named(/(?<![\w./-])((?:backend|deploy)\/[\w./@-]+\w)/g)
    expect(paths.length).toBeGreaterThan(2)
    expect(paths.filter((path) => !existsSync(join(projectFolder, path)))).toEqual([])
  })

  it('calls workers, units, pods and services as they are called', () => {
    expect(read('ecosystem.config.js')).toContain(`name: '${named(/pm2 reload ([\w-]+)/g, typed).join()}'`)
    expect(existsSync(join(projectFolder, `deploy/systemd/${named(/restart (heliograph@)/g, typed).join()}.service`))).toBe(true)
    expect(read('deploy/systemd/heliograph@.service')).toContain('WorkingDirectory=/opt/heliograph\n')
    expect(named(/deployment\/([\w-]+)/g)).toEqual(['heliograph'])
    expect(read('deploy/k8s/base/deployment.yaml')).toContain('name: heliograph\n')
    expect(named(/kubectl -n ([\w-]+)/g)).toEqual(named(/^namespace: (.+)$/gm, read('deploy/k8s/overlays/production/kustomization.yaml')))
    const compose = z.object({ services: z.record(z.string(), z.unknown()) }).parse(parse(read('docker-compose.yml'), { merge: true }))
    expect(Object.keys(compose.services)).toEqual(expect.arrayContaining(named(/docker compose .* ([a-z]+)$/gm, typed)))
    expect(named(/-f (\S+)/g, typed).filter((path) => !existsSync(join(projectFolder, path)))).toEqual([])
    expect(read('docker-compose.prod.yml')).toContain(`\${${named(/export (\w+)=/g, typed).join()}:?`)
    for (const name of named(/--(?:cluster|service) ([\w-]+)/g, typed)) expect(read('deploy/ecs/README.md')).toContain(` ${name} `)
  })

  it('names variables that the server reads, and metrics that are alarmed of or shown', () => {
    const ofMachine = new Set([...named(/export (\w+)=/g, typed), 'LOG_DIR'])
    const variables = named(/\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g).filter((name) => !ofMachine.has(name))
    expect(variables.length).toBeGreaterThan(1)
    expect(variables.filter((name) => !read('.env.example').includes(name))).toEqual([])
    const folders = ['deploy/monitoring/rules', 'deploy/monitoring/grafana/dashboards']
    const watched = folders
      .flatMap((folder) => readdirSync(join(projectFolder, folder)).map((name) => read(`${folder}/${name}`)))
      .join('\n')
    const metrics = named(/`((?:outbox|sse|http|event|rate)_[a-z_]+)`/g)
    expect(metrics.length).toBeGreaterThan(3)
    expect(metrics.filter((name) => !watched.includes(name))).toEqual([])
  })
})
