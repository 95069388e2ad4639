import { Challenges, QrBrowserSide, QrPhoneSide, Watch } from '../features/qr-login/index.js'
import type { Base } from './base.js'
import type { Security } from './security.js'
import type { Sessions } from './sessions.js'
import type { ContextTiming } from './timing.js'
import type { Users } from './users.js'

/** A browser that is signed in by a phone. */
export const createQrLogin = (
  { config, logger, collection, hub }: Base,
  { audit }: Security,
  { users }: Users,
  { sessions }: Sessions,
  { qr: times }: ContextTiming,
) => {
  const challenges = new Challenges(() => collection('qr_challenges'), times)
  const qrWatch = new Watch({ challenges, hub, logger, lookEvery: times?.lookEvery })
  return {
    qrWatch,
    qrBrowser: new QrBrowserSide({ challenges, watch: qrWatch, hub, users, sessions, audit, pageUrl: config.qrPage.url }),
    qrPhone: new QrPhoneSide({ challenges, watch: qrWatch, users, audit }),
  }
}
