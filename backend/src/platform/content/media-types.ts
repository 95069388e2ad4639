import { supportedMimeTypes } from 'file-type'

/** What is the same for us: names of one format, and formats of one container that only its inside tells apart. The first is the name we use. */
const families: readonly (readonly string[])[] = [
  ['image/jpeg', 'image/jpg', 'image/pjpeg'],
  ['image/png', 'image/x-png', 'image/apng', 'image/vnd.mozilla.apng'],
  ['image/bmp', 'image/x-ms-bmp', 'image/x-bmp'],
  ['image/x-icon', 'image/vnd.microsoft.icon'],
  [
    'video/mp4',
    'audio/mp4',
    'audio/x-m4a',
    'audio/m4a',
    'video/x-m4v',
    'video/quicktime',
    'video/3gpp',
    'audio/3gpp',
    'video/3gpp2',
    'audio/3gpp2',
  ],
  ['application/ogg', 'audio/ogg', 'video/ogg', 'audio/opus', 'audio/vorbis'],
  ['video/matroska', 'video/x-matroska', 'audio/x-matroska', 'video/webm', 'audio/webm'],
  ['audio/wav', 'audio/x-wav', 'audio/wave', 'audio/vnd.wave'],
  ['audio/mpeg', 'audio/mp3', 'audio/x-mp3', 'audio/mpeg3'],
  ['audio/aac', 'audio/x-aac', 'audio/aacp'],
  ['audio/flac', 'audio/x-flac'],
  ['audio/aiff', 'audio/x-aiff'],
  ['audio/midi', 'audio/x-midi', 'audio/mid'],
  ['video/vnd.avi', 'video/x-msvideo', 'video/avi'],
  ['video/mpeg', 'video/mp2t', 'video/mp1s', 'video/mp2p'],
  ['application/vnd.ms-asf', 'video/x-ms-asf', 'audio/x-ms-asf', 'video/x-ms-wmv', 'audio/x-ms-wma'],
  ['application/pdf', 'application/x-pdf'],
  ['application/x-rar-compressed', 'application/vnd.rar', 'application/x-rar'],
  ['application/gzip', 'application/x-gzip'],
  ['application/x-bzip2', 'application/x-bzip'],
  ['application/x-sqlite3', 'application/vnd.sqlite3'],
  ['application/x-msdownload', 'application/x-dosexec', 'application/vnd.microsoft.portable-executable', 'application/x-msdos-program'],
  ['font/ttf', 'font/otf', 'font/sfnt'],
]

/** Formats that are a zip file with something of their own in it, which the first bytes need not show. */
const inZip =
  /^application\/(?:zip|x-zip-compressed|epub\+zip|java-archive|x-xpinstall|vnd\.(?:android\.package-archive|openxmlformats-officedocument\.|oasis\.opendocument\.|ms-\w+\.[\w.]+\.macroenabled\.12$))|^model\/3mf$/
/** The same of the older documents of Office. */
const inCompoundFile = /^application\/(?:x-cfb|msword|vnd\.(?:ms-(?:excel|powerpoint|outlook|project|works)|visio))$/

const familyOf = new Map(families.flatMap((names) => names.map((name) => [name, names[0] ?? name] as const)))

/** `Image/JPEG; q=1` -> `image/jpeg`. */
export const bareType = (contentType: string): string => (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

const family = (type: string): string => {
  if (inZip.test(type)) return 'application/zip'
  if (inCompoundFile.test(type)) return 'application/x-cfb'
  return familyOf.get(type) ?? type
}

/** Whether two names may mean the same bytes. */
export const mayBeTheSame = (one: string, other: string): boolean => family(one) === family(other)

const recognised = new Set([...supportedMimeTypes].map((type) => family(bareType(type))))

/** Whether bytes of this type would be known by their beginning. */
export const isRecognisable = (type: string): boolean => /^(?:image|audio|video)\//.test(type) || recognised.has(family(type))

/** Whether bytes of this type are text. */
export const isTextType = (type: string): boolean =>
  /^text\/|[+/](?:json|xml)$|^application\/(?:x-)?(?:javascript|ecmascript|typescript|ndjson|yaml|toml|sh|sql|subrip|rtf|xhtml\+xml)$/.test(
    type,
  )
