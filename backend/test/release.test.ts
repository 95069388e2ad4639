import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { projectFolder } from '../../dev/services/project.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'
import { ended } from './support/ended.js'

const read = (path: string): string => readFileSync(join(projectFolder, path), 'utf8')
const folder = temporaryFolder()
afterAll(() => folder.remove())

describe('.github/release_notes.sh', () => {
  const notesOf = (version: string, packaged: string, changelog: string) => {
    writeFileSync(join(folder.path, 'package.json'), JSON.stringify({ name: 'x', version: packaged, private: true }, null, 2))
    writeFileSync(join(folder.path, 'CHANGELOG.md'), changelog)
    return ended(join(projectFolder, '.github/release_notes.sh'), [version, folder.path])
  }
  const head = '# Changelog\n\n## Unreleased\n\n- later\n\n'

  it.each(['## [1.2.0] - 2026-11-21', '## 1.2.0 - 2026-11-21', '## 1.2.0'])(
    'prints what is below "%s", and nothing of other versions',
    async (heading) => {
      const changelog = `${head}${heading}\n\n### Added\n\n- this\n\n## [1.2.0-rc.1]\n\n- before\n\n## 11.2.0\n\n- other\n`
      expect(await notesOf('1.2.0', '1.2.0', changelog)).toEqual({ code: 0, stdout: '### Added\n\n- this\n', stderr: '' })
    },
  )

  it('refuses a version that the changelog does not know, one of which it says nothing, and one that is not the package’s', async () => {
    expect(await notesOf('1.2.0', '1.2.0', `${head}## 1.1.0\n\n- old\n`)).toMatchObject({ code: 1, stdout: '' })
    expect(await notesOf('1.2.0', '1.2.0', `${head}## 1.2.0\n\n## 1.1.0\n\n- old\n`)).toMatchObject({ code: 1, stdout: '' })
    const other = await notesOf('1.2.0', '1.1.0', `${head}## 1.2.0\n\n- this\n`)
    expect(other).toEqual({ code: 1, stdout: '', stderr: 'package.json has version 1.1.0, not 1.2.0\n' })
  })

  it('finds the version in this package.json', async () => {
    const { stderr } = await ended(join(projectFolder, '.github/release_notes.sh'), ['none'])
    const { version } = z.object({ version: z.string() }).parse(JSON.parse(read('package.json')))
    expect(stderr).toBe(`package.json has version ${version}, not none\n`)
  })
})

const Job = z.object({
  uses: z.string().optional(),
  needs: z.union([z.string(), z.array(z.string())]).default([]),
  steps: z
    .array(z.object({ run: z.string().optional(), uses: z.string().optional(), with: z.record(z.string(), z.unknown()).optional() }))
    .default([]),
})
const Workflow = z.object({ on: z.record(z.string(), z.unknown()), jobs: z.record(z.string(), Job) })
const folderOfWorkflows = '.github/workflows'
const workflow = (name: string) => Workflow.parse(parse(read(join(folderOfWorkflows, name))))
const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(read('package.json')))

describe('the workflows', () => {
  it.each(readdirSync(join(projectFolder, folderOfWorkflows)))('%s names jobs, files and scripts that there are', (name) => {
    const { jobs } = workflow(name)
    for (const { needs, uses, steps } of Object.values(jobs)) {
      for (const need of [needs].flat()) expect(Object.keys(jobs)).toContain(need)
      if (uses !== undefined) expect(workflow(uses.replace(`./${folderOfWorkflows}/`, '')).on).toHaveProperty('workflow_call')
      for (const { run = '' } of steps) {
        for (const [, script = ''] of run.matchAll(/npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(script)
        for (const [, file = ''] of run.matchAll(/(?:^|\s)(\.(?:ci|github)\/\S+)/gm)) expect(read(file)).toMatch(/^#!/)
      }
    }
  })

  it('release nothing that was not checked and audited, and tell the image its version', () => {
    const { jobs } = workflow('release.yml')
    expect(jobs['image']?.needs).toEqual(['notes', 'checks'])
    expect(jobs['checks']?.uses).toBe('./.github/workflows/ci.yml')
    expect(jobs['release']?.needs).toBe('image')
    const checks = Object.values(workflow('ci.yml').jobs).flatMap(({ steps }) => steps.map(({ run = '' }) => run))
    expect(checks).toEqual(expect.arrayContaining(['npm run check', 'npm test', expect.stringMatching(/^npm audit --omit=dev/)]))

    const built = jobs['image']?.steps.find(({ uses }) => uses?.startsWith('docker/build-push-action'))?.with ?? {}
    const given = String(built['build-args'])
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
    expect(given).toEqual([...read('Dockerfile').matchAll(/^ARG (\w+)/gm)].map(([, name]) => name))
  })
})
