import { findOnPath } from './executables.js'
import { withoutStartingDaemons } from './policy-rc-d.js'
import { run } from './run.js'
import type { Setting } from './service.js'

type Where = Pick<Setting, 'environment' | 'progress'>

/** Why no package can be installed here; undefined where one can. */
export const whyNoPackages = ({ environment }: Pick<Setting, 'environment'>): string | undefined => {
  if (findOnPath('apt-get', environment) === undefined) return 'this system has no apt-get'
  if (process.getuid?.() !== 0) return 'only root may install packages'
  return undefined
}

const isListed = async (name: string, { environment }: Where): Promise<boolean> => {
  const { output } = await run('apt-cache', ['policy', name], { deadlineSeconds: 60, environment })
  return /Candidate: (?!\(none\))/.test(output)
}

let installing: Promise<unknown> = Promise.resolve()

/** Installs Debian packages, and starts none of their daemons; what else is to be installed waits. @throws Error with what apt-get said */
export const installPackages = (names: readonly string[], where: Where, { deadlineSeconds = 180 } = {}): Promise<void> => {
  const environment = { ...where.environment, DEBIAN_FRONTEND: 'noninteractive' }
  const aptGet = (...words: string[]) => run('apt-get', words, { deadlineSeconds, environment })
  const update = () => {
    where.progress(`${names.join(', ')}: apt-get update`)
    return aptGet('update', '-q')
  }
  const install = () => {
    where.progress(`${names.join(', ')}: apt-get install`)
    return aptGet('install', '-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=60', ...names)
  }
  const work = async () => {
    const listed = (await Promise.all(names.map((name) => isListed(name, where)))).every(Boolean)
    if (!listed) await update()
    await install().catch(async (error: unknown) => {
      if (!listed) throw error
      await update() // an old list names versions that are gone
      await install()
    })
  }
  const installed = installing.then(() => withoutStartingDaemons(work))
  installing = installed.catch(() => undefined)
  return installed
}
