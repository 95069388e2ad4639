import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { projectFolder } from '../../dev/services/project.js'
import { readConfig } from '../src/config.js'
import { schemaFault, typeFaults, withoutSchema } from './support/kubernetes-schemas.js'
import { type Manifest, render } from './support/kustomize.js'

const folder = join(projectFolder, 'deploy/k8s')
const base = render(join(folder, 'base'))
const overlays = ['staging', 'production'] as const

const Named = z.object({ name: z.string(), value: z.string() })
const Probe = z.object({ httpGet: z.object({ path: z.string(), port: z.string() }) })
const PodTemplate = z.object({
  metadata: z.object({ labels: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    serviceAccountName: z.string(),
    automountServiceAccountToken: z.boolean(),
    terminationGracePeriodSeconds: z.int().optional(),
    topologySpreadConstraints: z.array(z.looseObject({ topologyKey: z.string() })).default([]),
    securityContext: z.unknown(),
    volumes: z.array(z.looseObject({ name: z.string(), secret: z.object({ secretName: z.string() }).optional() })),
    containers: z.tuple([
      z.looseObject({
        image: z.string(),
        command: z.array(z.string()).optional(),
        env: z.array(Named),
        envFrom: z.array(z.object({ configMapRef: z.object({ name: z.string() }) })),
        ports: z.array(z.object({ name: z.string(), containerPort: z.int() })).default([]),
        resources: z.object({ requests: z.record(z.string(), z.string()), limits: z.record(z.string(), z.string()) }),
        securityContext: z.unknown(),
        startupProbe: Probe.optional(),
        readinessProbe: Probe.optional(),
        livenessProbe: Probe.optional(),
        lifecycle: z.object({ preStop: z.object({ exec: z.object({ command: z.array(z.string()) }) }) }).optional(),
        volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
      }),
    ]),
  }),
})

const find = (manifests: readonly Manifest[], kind: string, name = 'heliograph'): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name)
  if (!found) throw new Error(`no ${kind} ${name}`)
  return found
}
const Template = z.object({ template: PodTemplate })
const podOf = ({ kind, spec }: Manifest) =>
  (kind === 'CronJob' ? z.object({ jobTemplate: z.object({ spec: Template }) }).parse(spec).jobTemplate.spec : Template.parse(spec))
    .template
const withSpec = <S extends z.ZodType>(manifest: Manifest, schema: S): z.output<S> => schema.parse(manifest['spec'])

describe.each([...overlays, 'base'])('kustomize of %s', (name) => {
  const manifests = render(join(folder, name === 'base' ? 'base' : `overlays/${name}`))
  const known = manifests.filter(({ apiVersion }) => !withoutSchema.has(apiVersion))

  it('is what the schemas of its APIs take', async () => {
    const faults = await Promise.all(known.map(async (manifest) => [manifest.metadata.name, await schemaFault(manifest)]))
    expect(faults.filter(([, fault]) => fault !== undefined)).toEqual([])
  })

  it('has no field that its APIs do not know', async () => {
    expect(await typeFaults(known)).toEqual([])
  }, 120_000)
})

describe('the checks themselves', () => {
  const changed = (edit: (deployment: Manifest) => void): Manifest => {
    const deployment = structuredClone(find(base, 'Deployment'))
    edit(deployment)
    return deployment
  }

  it('find a value of a wrong type', async () => {
    expect(await schemaFault(changed((deployment) => Object.assign(deployment['spec'] as object, { minReadySeconds: 'five' })))).toContain(
      'integer',
    )
  })

  it('find a field that is misspelt', async () => {
    const misspelt = changed((deployment) => {
      const [container] = (deployment['spec'] as { template: { spec: { containers: [Record<string, unknown>] } } }).template.spec.containers
      container['readynessProbe'] = container['readinessProbe']
    })
    expect((await typeFaults([misspelt])).join()).toContain('readynessProbe')
  }, 120_000)
})

describe.each([
  ['Deployment', 'heliograph'],
  ['Job', 'heliograph-migrate'],
  ['CronJob', 'heliograph-backup'],
])('the pods of the %s', (kind, name) => {
  const manifest = find(base, kind, name)
  const pod = podOf(manifest)
  const [container] = pod.spec.containers

  it('may do nothing that they need not', () => {
    const user = { runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } }
    expect(pod.spec.securityContext).toEqual(kind === 'CronJob' ? { ...user, fsGroup: 1000 } : user) // who writes to a volume of its own
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(pod.spec.automountServiceAccountToken).toBe(false)
    expect(find(base, 'ServiceAccount', pod.spec.serviceAccountName)['automountServiceAccountToken']).toBe(false)
  })

  it('are bounded in memory, and ask for what they need', () => {
    expect(Object.keys(container.resources.requests).toSorted()).toEqual(['cpu', 'memory'])
    expect(Object.keys(container.resources.limits)).toContain('memory')
  })

  it('have a folder to write to, and mount what there is', () => {
    expect(container.volumeMounts.map(({ mountPath }) => mountPath)).toContain('/tmp')
    const volumes = pod.spec.volumes.map(({ name }) => name)
    for (const { name } of container.volumeMounts) expect(volumes).toContain(name)
  })

  it('are told by settings and files what the server starts with', () => {
    const Secrets = z.object({ target: z.object({ name: z.string() }), data: z.array(z.object({ secretKey: z.string() })) })
    const offered = pod.spec.volumes.flatMap(({ name, secret }) => {
      const at = container.volumeMounts.find((mount) => mount.name === name)?.mountPath
      if (secret === undefined) return []
      const { target, data } = withSpec(find(base, 'ExternalSecret', secret.secretName), Secrets)
      expect(target.name).toBe(secret.secretName)
      return data.map(({ secretKey }) => `${at}/${secretKey}`)
    })
    const files = container.env.filter(({ name }) => name.endsWith('_FILE')).map(({ name, value }) => [name.slice(0, -5), value] as const)
    for (const [, path] of files) expect(offered).toContain(path)
    const settings = z.record(z.string(), z.string()).parse(find(base, 'ConfigMap', container.envFrom[0]?.configMapRef.name)['data'])
    const filled = Object.fromEntries(
      files.map(([name]) => [name, name === 'MONGO_URI' ? 'mongodb://127.0.0.1/x' : randomBytes(48).toString('hex')]),
    )
    const config = readConfig({ NODE_ENV: 'production', HOST: '0.0.0.0', ...settings, ...filled }, { clustered: true })
    expect(config.redis?.at).toMatchObject({ sentinels: [{ host: 'heliograph-redis-sentinel', port: 26379 }], name: 'heliograph' })
    expect(config.storage.s3).toMatchObject({ bucket: 'heliograph-uploads' })
  })
})

describe('the deployment', () => {
  const deployment = find(base, 'Deployment')
  const pod = podOf(deployment)
  const [container] = pod.spec.containers
  const Selector = z.object({ selector: z.looseObject({ matchLabels: z.record(z.string(), z.string()) }) })

  it('asks live and ready, and leaves ready to what may fail elsewhere', () => {
    expect(container.startupProbe?.httpGet.path).toBe('/health/live')
    expect(container.livenessProbe?.httpGet.path).toBe('/health/live')
    expect(container.readinessProbe?.httpGet.path).toBe('/health/ready')
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
      expect(container.ports.map(({ name }) => name)).toContain(probe?.httpGet.port)
  })

  it('gives a pod longer to end than it takes', () => {
    const run = readFileSync(join(projectFolder, 'backend/src/run.ts'), 'utf8')
    const secondsOf = (name: string) => Number(new RegExp(`const ${name} = (\\d+)_000`).exec(run)?.[1])
    const waiting = Number(/(\d+)\)$/.exec(container.lifecycle?.preStop.exec.command.at(-1) ?? '')?.[1]) / 1000
    expect(waiting).toBeGreaterThanOrEqual(5)
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(waiting + secondsOf('drainDeadlineMs') + secondsOf('closeDeadlineMs'))
  })

  it('replaces pods one by one, spread over zones and machines, and leaves their number to the autoscaler', () => {
    expect(deployment['spec']).toMatchObject({ strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } })
    expect(deployment['spec']).not.toHaveProperty('replicas')
    expect(pod.spec.topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ])
  })

  it('is what the service, the disruption budget and the autoscaler mean', () => {
    expect(withSpec(deployment, Selector).selector.matchLabels).toEqual({ 'app.kubernetes.io/name': 'heliograph' })
    expect(pod.metadata.labels).toMatchObject({ 'app.kubernetes.io/name': 'heliograph' })
    expect(find(base, 'Service')['spec']).toMatchObject({
      selector: { 'app.kubernetes.io/name': 'heliograph' },
      ports: [{ targetPort: 'http' }],
    })
    expect(withSpec(find(base, 'PodDisruptionBudget'), Selector).selector.matchLabels).toEqual({ 'app.kubernetes.io/name': 'heliograph' })
    expect(find(base, 'HorizontalPodAutoscaler')['spec']).toMatchObject({ scaleTargetRef: { kind: 'Deployment', name: 'heliograph' } })
  })
})

describe('the backup', () => {
  const pod = podOf(find(base, 'CronJob', 'heliograph-backup'))
  const [container] = pod.spec.containers

  it('is kept on a volume of its own, by the command that the runbook names', () => {
    const claim = find(base, 'PersistentVolumeClaim', 'heliograph-backups').metadata.name
    const volume = pod.spec.volumes.find((each) => JSON.stringify(each).includes(`"claimName":"${claim}"`))
    const kept = container.volumeMounts.find(({ name }) => name === volume?.name)?.mountPath
    expect(container.env).toContainEqual({ name: 'BACKUP_DIR', value: kept })
    expect([container.command?.at(-1), container['args']]).toEqual(['backend/dist/admin.js', ['backup']])
    expect(pod.metadata.labels).toMatchObject({ 'heliograph.example.com/uses-data': 'true' })
  })

  it('has a user who may make another database, whom the server does not know', () => {
    const Users = z.looseObject({ users: z.array(z.looseObject({ name: z.string(), passwordSecretRef: z.object({ name: z.string() }) })) })
    const { users } = withSpec(find(base, 'MongoDBCommunity', 'heliograph-mongodb'), Users)
    const anywhere = users.filter(({ roles }) => JSON.stringify(roles).includes('readWriteAnyDatabase'))
    expect(anywhere.map(({ name, passwordSecretRef }) => [name, passwordSecretRef.name])).toEqual([
      ['heliograph-restore', 'heliograph-backup'],
    ])
    const ofServer = podOf(find(base, 'Deployment')).spec.volumes.map(({ secret }) => secret?.secretName)
    expect(ofServer).not.toContain('heliograph-backup')
  })
})

describe('the autoscaler', () => {
  it('goes by CPU, memory and streams, and is told the streams by Prometheus', () => {
    const metrics = withSpec(
      find(base, 'HorizontalPodAutoscaler'),
      z.looseObject({ metrics: z.array(z.looseObject({ type: z.string() })) }),
    ).metrics
    expect(metrics).toMatchObject([
      { resource: { name: 'cpu' } },
      { resource: { name: 'memory' } },
      { pods: { metric: { name: 'sse_streams' }, target: { type: 'AverageValue' } } },
    ])
    const adapter: unknown = parse(readFileSync(join(folder, 'prometheus-adapter-values.yaml'), 'utf8'))
    expect(adapter).toMatchObject({ rules: { custom: [{ name: { as: 'sse_streams' } }] } })
  })
})

describe('the ingress', () => {
  const annotations = (name: string) => find(base, 'Ingress', name).metadata['annotations'] as Record<string, string>

  it('lets streams through unbuffered, and for long', () => {
    const streams = annotations('heliograph-streams')
    expect(streams['nginx.ingress.kubernetes.io/proxy-buffering']).toBe('off')
    expect(Number(streams['nginx.ingress.kubernetes.io/proxy-read-timeout'])).toBeGreaterThan(2 * 20)
    const paths = JSON.stringify(find(base, 'Ingress', 'heliograph-streams')['spec'])
    for (const path of ['/sse$', '/api/v1/auth/qr/[^/]+/events$']) expect(paths).toContain(path)
  })

  it('has a certificate, and shows nobody outside the metrics', () => {
    expect(annotations('heliograph')['cert-manager.io/issuer']).toBe(find(base, 'Issuer', 'letsencrypt').metadata.name)
    expect(annotations('heliograph-metrics')['nginx.ingress.kubernetes.io/denylist-source-range']).toBe('0.0.0.0/0,::/0')
  })
})

describe('the network', () => {
  const policies = base.filter(({ kind }) => kind === 'NetworkPolicy')

  it('lets nobody reach anybody who is not named', () => {
    expect(find(base, 'NetworkPolicy', 'nobody-else')['spec']).toEqual({ podSelector: {}, policyTypes: ['Ingress'] })
    expect(policies.length).toBeGreaterThan(1)
  })

  it('does not lead the server to the cloud’s metadata, or to anything inside but its data', () => {
    const reaches = JSON.stringify(find(base, 'NetworkPolicy', 'heliograph-reaches')['spec'])
    for (const network of ['10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16']) expect(reaches).toContain(network)
  })
})

describe('the data', () => {
  it('is a replica set of three with a user of its own, and Redis under Sentinel that never evicts', () => {
    expect(find(base, 'MongoDBCommunity', 'heliograph-mongodb')['spec']).toMatchObject({
      members: 3,
      security: { authentication: { modes: ['SCRAM'] } },
    })
    const configured = find(base, 'RedisReplication', 'heliograph-redis')['spec']
    expect(configured).toMatchObject({ clusterSize: 3, redisConfig: { additionalRedisConfig: 'heliograph-redis' } })
    expect(find(base, 'RedisSentinel', 'heliograph-redis')['spec']).toMatchObject({
      redisSentinelConfig: { redisReplicationName: 'heliograph-redis', masterGroupName: 'heliograph', quorum: '2' },
    })
    const ofKubernetes = JSON.stringify(find(base, 'ConfigMap', 'heliograph-redis')['data'])
    const lines = readFileSync(join(projectFolder, 'deploy/redis/redis.conf'), 'utf8').split('\n')
    for (const line of lines.filter((line) => /^(maxmemory|append(only|fsync)|client-output-buffer-limit pubsub)/.test(line)))
      expect(ofKubernetes).toContain(line)
  })
})

describe.each(overlays)('%s', (name) => {
  const manifests = render(join(folder, 'overlays', name))
  const hosts = (manifest: Manifest) => JSON.stringify(manifest['spec']).match(/[a-z.]*chat\.example\.com/g)

  it('runs one version of the image in all its pods', () => {
    const images = [
      find(manifests, 'Deployment'),
      find(manifests, 'Job', 'heliograph-migrate'),
      find(manifests, 'CronJob', 'heliograph-backup'),
    ].map((manifest) => podOf(manifest).spec.containers[0].image)
    expect(new Set(images).size).toBe(1)
    expect(images[0]).toMatch(/^registry\.example\.com\/heliograph:\d/)
  })

  it('has one name, in its settings and at every ingress', () => {
    const expected = name === 'staging' ? 'staging.chat.example.com' : 'chat.example.com'
    for (const ingress of manifests.filter(({ kind }) => kind === 'Ingress')) expect(new Set(hosts(ingress))).toEqual(new Set([expected]))
    expect(find(manifests, 'ConfigMap', 'heliograph-settings')['data']).toMatchObject({ API_URL: `https://${expected}` })
  })

  it('is in a namespace of its own, with secrets of its own', () => {
    const namespaces = new Set(manifests.map(({ kind, metadata }) => (kind === 'Namespace' ? metadata.name : metadata.namespace)))
    expect([...namespaces]).toEqual([name === 'staging' ? 'heliograph-staging' : 'heliograph'])
    const secrets = manifests.filter(({ kind }) => kind === 'ExternalSecret').map(({ spec }) => JSON.stringify(spec))
    for (const secret of secrets) expect(secret.match(/"key":"[^"]*"/g)?.every((key) => key === `"key":"heliograph-${name}"`)).toBe(true)
  })
})
