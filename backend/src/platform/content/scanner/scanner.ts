import type { Source } from '../source.js'
import { ClamdScanner, type ClamdSettings } from './clamd-scanner.js'

/** Looks for what does harm. */
export interface Scanner {
  /**
   * Resolves where nothing was found in all of the bytes.
   * @throws ContentRefusal `infected`, or `too_large` for what it does not look through; ContentUnavailable where it cannot tell now; what reading throws
   */
  scan(source: Source): Promise<void>
  /** Resolves where it is there. @throws ContentUnavailable */
  check(): Promise<void>
}

export const createScanner = (settings: ClamdSettings | undefined): Scanner | undefined => settings && new ClamdScanner(settings)
