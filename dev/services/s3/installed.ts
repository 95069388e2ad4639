import type { RunningS3 } from '../s3.js'
import type { Way } from '../service.js'
import { startCeph } from './ceph.js'
import { missingCephPrograms } from './ceph-programs.js'

/** The programs of Ceph that this machine has. */
export const installedCeph: Way<RunningS3> = {
  name: 'an installed Ceph',
  remedy: 'install its gateway: sudo apt-get install -y --no-install-recommends radosgw ceph-mon ceph-osd',
  async find(setting) {
    const missing = missingCephPrograms(setting)
    if (missing.length > 0) return { usable: false, reason: `not on PATH: ${missing.join(', ')}` }
    return { usable: true, start: () => startCeph(setting) }
  },
}
