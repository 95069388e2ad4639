/** Where operators' probes ask, every few seconds and by address. */
export const isProbe = (path: string): boolean =>
  path === '/ready' || path === '/health' || path.startsWith('/health/') || path === '/metrics'
