import { installPackages, whyNoPackages } from '../debian.js'
import type { RunningS3 } from '../s3.js'
import type { Way } from '../service.js'
import { startCeph } from './ceph.js'
import { missingCephPrograms } from './ceph-programs.js'

/** Debian's packages of Ceph's gateway: installed, and none of their daemons started. */
export const cephFromDebian: Way<RunningS3> = {
  name: "Debian's Ceph packages",
  remedy: 'on Debian and Ubuntu, root has them installed by itself (70 MB)',
  async find(setting) {
    const reason = whyNoPackages(setting)
    if (reason !== undefined) return { usable: false, reason }
    return {
      usable: true,
      async start() {
        await installPackages(['radosgw', 'ceph-mon', 'ceph-osd'], setting)
        const missing = missingCephPrograms(setting)
        if (missing.length > 0) throw new Error(`the packages were installed, but not on PATH: ${missing.join(', ')}`)
        return startCeph(setting)
      },
    }
  },
}
