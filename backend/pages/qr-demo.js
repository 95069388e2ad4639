const at = (id) => document.getElementById(id)
const say = (text) => {
  at('state').textContent = text
}
const base64url = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const post = async (path, body) => {
  const headers = { 'Content-Type': 'application/json' }
  const answer = await fetch(`api/v1/auth/qr${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const content = await answer.json()
  if (!answer.ok) throw new Error(content.detail ?? content.title)
  return content
}

/** Shows a new picture. The verifier stays in this page: without it nobody else gets the session. */
const start = async () => {
  const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)))
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
  const { id, token, code } = await post('', { challenge, device: { name: 'Demo page', platform: 'web' } })
  at('picture').src = `qr-demo/picture.svg?token=${token}`
  at('code').textContent = code
  at('challenge').hidden = false
  say('Scan the code with your phone, then choose this number there.')
  return { id, verifier }
}

const retryMs = 5000

/** What becomes of it: approved, denied, used or expired. */
const outcomeOf = ({ id, verifier }) =>
  new Promise((resolve) => {
    const events = new EventSource(`api/v1/auth/qr/${id}/events?verifier=${verifier}`)
    const done = (outcome) => {
      events.close()
      resolve(outcome)
    }
    events.addEventListener('qr.scanned', ({ data }) => say(`${JSON.parse(data).name} has scanned it. Choose this number on the phone.`))
    for (const outcome of ['approved', 'denied', 'used', 'expired']) events.addEventListener(`qr.${outcome}`, () => done(outcome))
    events.addEventListener('error', () => {
      if (events.readyState === EventSource.CLOSED) setTimeout(done, retryMs, 'expired') // refused: a new one may do
    })
  })

const visible = async () => {
  while (document.hidden) await new Promise((resolve) => document.addEventListener('visibilitychange', resolve, { once: true }))
}

const askedAgain = async () => {
  at('challenge').hidden = true
  at('again').hidden = false
  await new Promise((resolve) => at('again').addEventListener('click', resolve, { once: true }))
  at('again').hidden = true
}

const signIn = async () => {
  const challenge = await start()
  const outcome = await outcomeOf(challenge)
  if (outcome === 'approved') {
    const { user } = await post(`/${challenge.id}/exchange`, { verifier: challenge.verifier })
    at('challenge').hidden = true
    say(`signed in as ${user.name}`)
    return true
  }
  if (outcome === 'expired') {
    await visible()
    return false
  }
  say('The sign-in was denied.')
  await askedAgain()
  return false
}

const run = async () => {
  while (true) {
    try {
      if (await signIn()) return
    } catch (error) {
      say(error.message)
      await askedAgain()
    }
  }
}
void run()
