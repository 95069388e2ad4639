import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from '../../../dev/services/project.js'
import { run } from '../../../dev/services/run.js'
import type { Manifest } from './kustomize.js'

interface Model {
  validate(): void
}
type Models = Record<string, unknown>

/** Where npm has the schemas and types of each API. */
const packages: Record<string, { readonly name: string; readonly load: () => Promise<Models> }> = {
  v1: { name: 'kubernetes-models/v1', load: () => import('kubernetes-models/v1') },
  'apps/v1': { name: 'kubernetes-models/apps/v1', load: () => import('kubernetes-models/apps/v1') },
  'batch/v1': { name: 'kubernetes-models/batch/v1', load: () => import('kubernetes-models/batch/v1') },
  'autoscaling/v2': { name: 'kubernetes-models/autoscaling/v2', load: () => import('kubernetes-models/autoscaling/v2') },
  'policy/v1': { name: 'kubernetes-models/policy/v1', load: () => import('kubernetes-models/policy/v1') },
  'networking.k8s.io/v1': { name: 'kubernetes-models/networking.k8s.io/v1', load: () => import('kubernetes-models/networking.k8s.io/v1') },
  'cert-manager.io/v1': {
    name: '@kubernetes-models/cert-manager/cert-manager.io/v1',
    load: () => import('@kubernetes-models/cert-manager/cert-manager.io/v1'),
  },
  'external-secrets.io/v1': {
    name: '@kubernetes-models/external-secrets/external-secrets.io/v1',
    load: () => import('@kubernetes-models/external-secrets/external-secrets.io/v1'),
  },
}

/** APIs of operators whose schemas npm does not have. */
export const withoutSchema = new Set(['mongodbcommunity.mongodb.com/v1', 'redis.redis.opstreelabs.in/v1beta2'])

const compileDeadlineSeconds = 120

/** @returns why a manifest is not what its API takes; undefined where it is. A field that the API does not know passes. */
export const schemaFault = async (manifest: Manifest): Promise<string | undefined> => {
  const models = await packages[manifest.apiVersion]?.load()
  const model = models?.[manifest.kind] as (new (manifest: Manifest) => Model) | undefined
  if (model === undefined) return `no schema for ${manifest.apiVersion} ${manifest.kind}`
  try {
    new model(manifest).validate()
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Has TypeScript compare manifests with the types of their APIs: it knows of every field whether there is one.
 * @returns what it has to say, a line each
 */
export const typeFaults = async (manifests: readonly Manifest[]): Promise<string[]> => {
  const folder = join(projectFolder, 'backend/test/output', `kubernetes-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    const lines = manifests.map((manifest, n) => {
      const from = packages[manifest.apiVersion]?.name ?? ''
      return `import type { I${manifest.kind} as T${n} } from '${from}'\nexport const m${n}: T${n} = ${JSON.stringify(manifest, undefined, 2)}`
    })
    writeFileSync(join(folder, 'manifests.ts'), lines.join('\n'))
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../../../tsconfig.base.json', files: ['manifests.ts'] }))
    await run(join(projectFolder, 'node_modules/.bin/tsc'), ['-p', folder], { deadlineSeconds: compileDeadlineSeconds })
    return []
  } catch (error) {
    const faults = String(error)
      .split('\n')
      .filter((line) => line.includes('error TS'))
    if (faults.length === 0) throw error
    return faults
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
