/** An address fit for a terminal: without the name and the password that it may hold. */
export const withoutCredentials = (url: string): string => url.replace(/\/\/[^/@]*@/, '//')
