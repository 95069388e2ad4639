import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'

const Manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: z.record(z.string(), z.string()).optional() }),
})
export type Manifest = z.output<typeof Manifest>

const Operation = z.strictObject({ op: z.enum(['add', 'replace', 'remove']), path: z.string().startsWith('/'), value: z.unknown() })
type Operation = z.output<typeof Operation>

/** What the project's own kustomizations use of kustomize, and nothing else. */
const Kustomization = z.strictObject({
  apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
  kind: z.literal('Kustomization'),
  namespace: z.string(),
  resources: z.array(z.string()),
  labels: z.array(z.strictObject({ pairs: z.record(z.string(), z.string()) })).default([]),
  images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })).default([]),
  patches: z
    .array(
      z.strictObject({
        target: z.strictObject({ kind: z.string(), name: z.string().optional() }),
        patch: z.string().transform((text) => z.array(Operation).parse(parse(text))),
      }),
    )
    .default([]),
})
type Patch = z.output<typeof Kustomization>['patches'][number]

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** RFC 6902; a path that is not there is an error, as it is to kustomize. */
const apply = (manifest: Manifest, { op, path, value }: Operation): void => {
  const keys = path
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop() ?? ''
  const parent = keys.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), manifest)
  if (!isObject(parent) || (op !== 'add' && !(last in parent)))
    throw new Error(`${manifest.kind} ${manifest.metadata.name} has no ${path} to ${op}`)
  if (op === 'remove') delete parent[last]
  else parent[last] = value
}

const patchAll = (manifests: readonly Manifest[], { target, patch }: Patch): void => {
  const meant = manifests.filter(({ kind, metadata }) => kind === target.kind && (target.name ?? metadata.name) === metadata.name)
  if (meant.length === 0) throw new Error(`no ${target.kind} ${target.name ?? ''} to patch`)
  for (const manifest of meant) for (const operation of patch) apply(manifest, structuredClone(operation))
}

/** Every object in a value that has this key with a text in it. */
const holdersOf = (value: unknown, key: string): Record<string, unknown>[] => {
  if (!isObject(value)) return []
  const below = Object.values(value).flatMap((each) => holdersOf(each, key))
  return typeof value[key] === 'string' ? [value, ...below] : below
}

const read = (path: string): Manifest[] => {
  if (!existsSync(path)) throw new Error(`${path} is named and not there`)
  if (statSync(path).isDirectory()) return render(path)
  return parseAllDocuments(readFileSync(path, 'utf8')).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${document.errors.map(String).join('; ')}`)
    return Manifest.parse(document.toJS())
  })
}

/**
 * What `kubectl kustomize` makes of a folder.
 * @throws where it names what is not there, patches what is not there, or uses what the tests do not know
 */
export const render = (folder: string): Manifest[] => {
  const kustomization = Kustomization.parse(parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')))
  const manifests = kustomization.resources.flatMap((resource) => read(resolve(folder, resource)))
  for (const patch of kustomization.patches) patchAll(manifests, patch)
  for (const { name, newName, newTag } of kustomization.images) {
    const named = manifests.flatMap((manifest) => holdersOf(manifest, 'image')).filter(({ image }) => image === name)
    if (named.length === 0) throw new Error(`no image ${name} to replace`)
    for (const holder of named) holder['image'] = `${newName}:${newTag}`
  }
  for (const { metadata, kind } of manifests) {
    if (kind === 'Namespace') metadata.name = kustomization.namespace
    else metadata.namespace = kustomization.namespace
    for (const { pairs } of kustomization.labels) metadata.labels = { ...metadata.labels, ...pairs }
  }
  const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
  const twice = names.filter((name, n) => names.indexOf(name) !== n)
  if (twice.length > 0) throw new Error(`twice: ${twice.join(', ')}`)
  return manifests
}
