/** The same server, another database. */
export const withDatabase = (url: string, name: string): string => url.replace(/^(mongodb(?:\+srv)?:\/\/[^/?]+)\/?[^?]*/, `$1/${name}`)
