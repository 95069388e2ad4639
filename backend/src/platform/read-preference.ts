/** From which members of a replica set something is read, in the driver's words. */
export const readPreferences = ['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'] as const
export type ReadPreference = (typeof readPreferences)[number]

/** Whether a URI would have everything read by another preference than the primary's, as no URI here may. */
export const prefersAnother = (uri: string): boolean =>
  /[?&](?:readPreference=(?!primary(?:&|$))|readPreferenceTags=|maxStalenessSeconds=)/i.test(uri)
