import { Admission, type AdmissionDocument } from '../features/admission/index.js'
import { AuditLog } from '../features/audit/index.js'
import { mailOutlet, SecurityMonitor, webhookOutlet } from '../features/security-monitor/index.js'
import type { Base } from './base.js'

export type Security = ReturnType<typeof createSecurity>

/** What was done, who is told where it looks like an attack, and whether anybody may do anything. */
export const createSecurity = ({ config, logger, collection, models, hub, log, deliveries }: Base) => {
  const audit = new AuditLog({ entries: models.audit })
  const { webhook, alertEmail } = config.security
  const securityMonitor = new SecurityMonitor({
    audit,
    alerts: models.securityAlerts,
    outlets: [
      ...(webhook ? [webhookOutlet(webhook)] : []),
      ...(alertEmail !== undefined && deliveries.mailer ? [mailOutlet(deliveries.mailer, alertEmail)] : []),
    ],
    logger,
  })
  audit.onRecorded((entry) => securityMonitor.notice(entry))
  const admission = new Admission({ admission: () => collection<AdmissionDocument>('admission'), hub, log, logger })
  return { audit, securityMonitor, admission }
}
