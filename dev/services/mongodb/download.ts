import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { projectFolder } from '../project.js'
import type { Setting } from '../service.js'

const script = fileURLToPath(new URL('download-mongod.ts', import.meta.url))
const firstWordSeconds = 5
const silenceSeconds = 60 // unpacking says nothing

const version = async () => {
  const { DEFAULT_VERSION } = await import('mongodb-memory-server-core/lib/util/resolveConfig.js')
  return process.env['MONGOMS_VERSION'] || DEFAULT_VERSION
}

/** The mongod that mongodb-memory-server fetched before; found without the network. */
export const cachedMongod = async (): Promise<string | undefined> => {
  const { DryMongoBinary } = await import('mongodb-memory-server-core/lib/util/DryMongoBinary.js')
  return DryMongoBinary.locateBinary({ version: await version() })
}

/**
 * Where mongodb-memory-server would fetch from.
 * @throws where there is no build for this system
 */
export const downloadAddress = async (): Promise<string> => {
  const { DryMongoBinary } = await import('mongodb-memory-server-core/lib/util/DryMongoBinary.js')
  const { MongoBinaryDownloadUrl } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js')
  return new MongoBinaryDownloadUrl(await DryMongoBinary.generateOptions({ version: await version() })).getDownloadUrl()
}

/** Why no connection to the address's host (or to the proxy on the way to it) can be had within 5 s; undefined if one can. */
export const whyUnreachable = (address: string, environment: Setting['environment']): Promise<string | undefined> => {
  const proxy = environment['https_proxy'] || environment['HTTPS_PROXY'] || environment['http_proxy'] || environment['HTTP_PROXY']
  const { hostname, port, protocol } = new URL(proxy || address)
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80), timeout: firstWordSeconds * 1000 })
    const end = (fault?: string) => {
      socket.destroy()
      resolve(fault === undefined ? undefined : `${hostname} cannot be reached: ${fault}`)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end(`no connection in ${firstWordSeconds} s`))
    socket.once('error', (error) => end(error.message))
  })
}

/**
 * Has mongodb-memory-server fetch mongod, in a process that can be ended when it hangs.
 * @returns the program's path
 * @throws where nothing arrives within 5 s, or nothing more within a minute, or what arrives is not right
 */
export const downloadMongod = ({ environment, progress }: Pick<Setting, 'environment' | 'progress'>): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      cwd: projectFolder,
      // without this variable mongodb-memory-server does not check the certificate
      env: { npm_config_strict_ssl: 'true', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let path: string | undefined
    let complaint = ''
    const giveUp = () => {
      complaint = 'the download does not proceed'
      child.kill('SIGKILL')
    }
    let alarm = setTimeout(giveUp, firstWordSeconds * 1000)
    createInterface(child.stdout).on('line', (line) => {
      clearTimeout(alarm)
      alarm = setTimeout(giveUp, silenceSeconds * 1000)
      if (line.startsWith('path=')) path = line.slice('path='.length)
      else if (line.trim() !== '') progress(line.trim())
    })
    child.stderr.on('data', (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-500)
    })
    child.once('error', reject)
    child.once('close', () => {
      clearTimeout(alarm)
      if (path !== undefined) resolve(path)
      else reject(new Error(complaint.trim() || 'the download failed'))
    })
  })
