import { findOnPath } from '../executables.js'
import type { Setting } from '../service.js'

/** What a gateway is started from. */
const programs = ['setpriv', 'monmaptool', 'osdmaptool', 'ceph-mon', 'ceph-osd', 'radosgw-admin', 'radosgw'] as const

/** Which of Ceph's programs are not on PATH; none where a gateway can be started. */
export const missingCephPrograms = ({ environment }: Pick<Setting, 'environment'>): string[] =>
  programs.filter((program) => findOnPath(program, environment) === undefined)
