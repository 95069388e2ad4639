const pattern = /^(?<database>[\w-]+)-(?<year>\d{4})(?<month>\d\d)(?<day>\d\d)T(?<hour>\d\d)(?<minute>\d\d)(?<second>\d\d)Z$/

/** An archive's folder: whose it is, and the second in which it was begun. */
export interface ArchiveName {
  readonly database: string
  readonly begunAt: Date
}

/** In UTC: `heliograph-20261121T030000Z`. */
export const archiveName = ({ database, begunAt }: ArchiveName): string =>
  `${database}-${begunAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`

/** @returns undefined for what is not the name of an archive */
export const parseArchiveName = (name: string): ArchiveName | undefined => {
  const { database, year, month, day, hour, minute, second } = pattern.exec(name)?.groups ?? {}
  if (database === undefined) return undefined
  const begunAt = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  return Number.isNaN(begunAt.getTime()) ? undefined : { database, begunAt }
}
