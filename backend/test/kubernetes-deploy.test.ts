import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { projectFolder } from '../../dev/services/project.js'
import { temporaryFolder } from '../../dev/services/temporary-folder.js'

const folder = temporaryFolder()
const calls = join(folder.path, 'calls')
afterAll(() => folder.remove())

// There is no cluster: this stands for kubectl, writes down what it is asked, and lets the migration fail where that is asked for.
writeFileSync(
  join(folder.path, 'kubectl'),
  `#!/bin/sh
echo "$*" | sed 's#/[^ ]*/##' >>${calls}
case "$*" in *job/heliograph-migrate*) case "$*" in *wait*) exit \${MIGRATION_FAILS:-0} ;; esac ;; esac
`,
  { mode: 0o755 },
)
beforeEach(() => writeFileSync(calls, ''))

const deploy = (overlay: string, migrationFails = '0') =>
  promisify(execFile)(join(projectFolder, 'deploy/k8s/deploy.sh'), [overlay], {
    env: { PATH: `${folder.path}:${process.env['PATH'] ?? ''}`, MIGRATION_FAILS: migrationFails },
  })
const asked = (): string[] => readFileSync(calls, 'utf8').trim().split('\n')

describe('deploy.sh', () => {
  it('applies settings and data, then has the migration end, then the pods replaced', async () => {
    await deploy('staging')
    expect(asked()).toEqual([
      'kustomize staging',
      'apply -f all.yaml --selector !app.kubernetes.io/name',
      '-n heliograph-staging wait --for=condition=Ready --timeout=300s externalsecret/heliograph',
      '-n heliograph-staging delete job heliograph-migrate --ignore-not-found --wait',
      'apply -f all.yaml --selector app.kubernetes.io/name=heliograph-migrate',
      '-n heliograph-staging wait --for=condition=Complete --timeout=1800s job/heliograph-migrate',
      'apply -f all.yaml --selector app.kubernetes.io/name in (heliograph, heliograph-backup)',
      '-n heliograph-staging rollout status deployment/heliograph --timeout=900s',
    ])
  })

  it('leaves the pods as they are where the migration fails, and says so', async () => {
    await expect(deploy('production', '1')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('the migration did not end well'),
    })
    expect(asked().filter((line) => line.includes('rollout') || line.includes('heliograph-backup'))).toEqual([])
  })

  it('asks the cluster nothing for an overlay that is not there', async () => {
    await expect(deploy('nowhere')).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('no such overlay') })
    expect(readFileSync(calls, 'utf8')).toBe('')
  })
})
