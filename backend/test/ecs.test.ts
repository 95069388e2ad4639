import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ECSClient, RegisterTaskDefinitionCommand, type RegisterTaskDefinitionCommandInput } from '@aws-sdk/client-ecs'
import { describe, expect, it } from 'vitest'
import { projectFolder } from '../../dev/services/project.js'
import { readConfig } from '../src/config.js'
import { variables } from '../src/settings/variables.js'

type Task = RegisterTaskDefinitionCommandInput
const readTask = (): Task => JSON.parse(readFileSync(join(projectFolder, 'deploy/ecs/task-definition.json'), 'utf8')) as Task
const task = readTask()
const [container] = task.containerDefinitions ?? []

/** What the client of AWS sends of a task: of what its service does not know, nothing. */
const asSent = async (input: Task): Promise<unknown> => {
  let sent: Promise<string> | undefined
  const server = createServer((request, response) => {
    sent = text(request)
    void sent.then(() => response.setHeader('content-type', 'application/x-amz-json-1.1').end('{}'))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = new ECSClient({ region: 'eu-central-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  try {
    await client.send(new RegisterTaskDefinitionCommand(input))
    return JSON.parse((await sent) ?? '')
  } finally {
    client.destroy()
    server.close()
  }
}

describe('the task definition of ECS', () => {
  it('is known to ECS in every field', async () => {
    expect(await asSent(task)).toEqual(task)
  })

  it('would not be, were a field misspelt', async () => {
    const misspelt = readTask()
    Object.assign(misspelt.containerDefinitions?.[0] ?? {}, { readonlyRootFileSystem: true })
    expect(await asSent(misspelt)).not.toEqual(misspelt)
  })

  it('runs the image as its own user, on what it cannot change, with a folder to write to', () => {
    expect(container).toMatchObject({ user: '1000:1000', readonlyRootFilesystem: true, essential: true })
    expect(container?.mountPoints).toEqual([{ sourceVolume: task.volumes?.[0]?.name, containerPath: '/tmp' }])
    expect(readFileSync(join(projectFolder, 'Dockerfile'), 'utf8')).toMatch(/^VOLUME \/tmp$/m)
  })

  it('asks for health as the image does, and waits longer for its end than it takes', () => {
    expect(container?.healthCheck?.command).toEqual(['CMD', 'node', 'deploy/docker/health.mjs'])
    expect(container?.stopTimeout).toBeGreaterThan(24)
  })

  it('tells no secret, and what it tells the server starts with', () => {
    const told = (container?.environment ?? []).map(({ name = '', value = '' }) => [name, value] as const)
    const secrets = (container?.secrets ?? []).map(({ name = '' }) => name)
    const declared = Object.entries(variables).flatMap(([name, variable]) => ('secret' in variable ? [name] : []))
    expect(told.map(([name]) => name).filter((name) => declared.includes(name) && name !== 'REDIS_URL')).toEqual([])
    for (const name of secrets) expect(declared).toContain(name)
    const filled = secrets.map((name) => [name, name === 'MONGO_URI' ? 'mongodb://127.0.0.1/x' : randomBytes(48).toString('hex')] as const)
    const settings = Object.fromEntries([...told, ...filled])
    expect(readConfig({ NODE_ENV: 'production', ...settings }, { clustered: true }).redis).toMatchObject({ tls: {} })
  })
})
