import { createHash, createSecretKey } from 'node:crypto'
import { describe, expect, it, onTestFinished } from 'vitest'
import { HttpSmsSender, type HttpSmsSettings } from '../src/platform/sms/http-sms.js'
import { parseSmsTemplate } from '../src/platform/sms/http-template.js'
import { SnsSmsSender } from '../src/platform/sms/sns-sms.js'
import { startHttpReceiver } from './support/http-receiver.js'

type Answer = Parameters<typeof startHttpReceiver>[0]

const sms = { to: '+4915112345678', text: '123456 is your "code".\nGive it to nobody: {{to}}' }

const aReceiver = async (answer: Answer) => {
  const receiver = await startHttpReceiver(answer)
  onTestFinished(() => receiver.close())
  return receiver
}
const withStatus =
  (...statuses: number[]): Answer =>
  (response, _request, count) =>
    void response.writeHead(statuses[count - 1] ?? statuses.at(-1) ?? 200).end('no: +4915112345678 123456')

const outcomeOf = (sending: Promise<void>): Promise<string> =>
  sending.then(
    () => 'sent',
    (error: unknown) => String(error),
  )

describe('an HTTP gateway', () => {
  const aSender = (url: string, given: Partial<HttpSmsSettings> = {}, timing = {}) => {
    const template = { to: '{{to}}', text: '{{text}}' }
    const sender = new HttpSmsSender({ provider: 'http', url, token: undefined, template, ...given }, { firstPauseMs: 5, ...timing })
    onTestFinished(() => sender.close())
    return sender
  }

  it('is sent the template, filled in, with the token', async () => {
    const receiver = await aReceiver(withStatus(202))
    const template = parseSmsTemplate('{"messages":[{"dest":"tel:{{to}}","body":"{{text}} (x)","flash":false,"n":1}],"{{to}}":null}')
    await aSender(`${receiver.url}/v1/sms?x=1`, { token: createSecretKey('gateway-token', 'utf8'), template: template ?? null }).send(sms)
    expect(receiver.requests).toHaveLength(1)
    expect(receiver.requests[0]).toMatchObject({
      method: 'POST',
      path: '/v1/sms?x=1',
      headers: { 'content-type': 'application/json', authorization: 'Bearer gateway-token' },
    })
    expect(JSON.parse(receiver.requests[0]?.body ?? '')).toEqual({
      messages: [{ dest: `tel:${sms.to}`, body: `${sms.text} (x)`, flash: false, n: 1 }],
      '{{to}}': null,
    })
  })

  it.each([429, 500, 502, 503])('that answers %i is asked again, for the same message', async (status) => {
    const receiver = await aReceiver(withStatus(status, status, 200))
    expect(await outcomeOf(aSender(receiver.url).send(sms))).toBe('sent')
    expect(receiver.requests).toHaveLength(3)
    expect(new Set(receiver.requests.map(({ headers }) => headers['idempotency-key'])).size).toBe(1)
  })

  it('that cuts the connection is asked again', async () => {
    const receiver = await aReceiver((response, _request, count) => void (count === 1 ? response.destroy() : response.end()))
    expect(await outcomeOf(aSender(receiver.url).send(sms))).toBe('sent')
    expect(receiver.requests).toHaveLength(2)
  })

  it('is asked four times at most', async () => {
    const receiver = await aReceiver(withStatus(503))
    expect(await outcomeOf(aSender(receiver.url).send(sms))).toBe('PassingError: The SMS gateway answered 503')
    expect(receiver.requests).toHaveLength(4)
  })

  it.each([400, 401, 403, 404, 422])('that answers %i is not asked again', async (status) => {
    const receiver = await aReceiver(withStatus(status))
    expect(await outcomeOf(aSender(receiver.url).send(sms))).toBe(`Error: The SMS gateway answered ${status}`)
    expect(receiver.requests).toHaveLength(1)
  })

  it('is not followed to where it redirects, and gets the token nowhere else', async () => {
    const elsewhere = await aReceiver(withStatus(200))
    const receiver = await aReceiver((response) => void response.writeHead(307, { location: elsewhere.url }).end())
    expect(await outcomeOf(aSender(receiver.url, { token: createSecretKey('t', 'utf8') }).send(sms))).not.toBe('sent')
    expect(elsewhere.requests).toEqual([])
  })

  it('that does not answer is given up at the deadline', async () => {
    const receiver = await aReceiver(() => undefined)
    expect(await outcomeOf(aSender(receiver.url, {}, { deadlineMs: 300 }).send(sms))).toMatch(/^(Timeout|Abort)Error/)
  })

  it('is not asked again after the deadline', async () => {
    const receiver = await aReceiver(withStatus(503))
    const sender = aSender(receiver.url, {}, { deadlineMs: 3000, firstPauseMs: 60_000 })
    expect(await outcomeOf(sender.send(sms))).toBe('PassingError: The SMS gateway answered 503')
    expect(receiver.requests).toHaveLength(1)
  })
})

describe('Amazon SNS', () => {
  const secret = 'a-secret-access-key'
  const aSender = (endpoint: string, timing = {}) => {
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: createSecretKey(secret, 'utf8') }
    const sender = new SnsSmsSender({ provider: 'sns', region: 'eu-central-1', endpoint, credentials }, { firstPauseMs: 5, ...timing })
    onTestFinished(() => sender.close())
    return sender
  }
  const published: Answer = (response) =>
    void response
      .writeHead(200, { 'content-type': 'text/xml' })
      .end(
        '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>',
      )
  const refused =
    (status: number, code: string): Answer =>
    (response) =>
      void response
        .writeHead(status, { 'content-type': 'text/xml' })
        .end(`<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${sms.to}</Message></Error></ErrorResponse>`)

  it('is asked to publish to the phone, by a request signed for it', async () => {
    const receiver = await aReceiver(published)
    await aSender(receiver.url).send(sms)
    expect(receiver.requests).toHaveLength(1)
    const [{ method, path, headers, body } = { method: '', path: '', headers: {}, body: '' }] = receiver.requests
    expect([method, path]).toEqual(['POST', '/'])
    const form = Object.fromEntries(new URLSearchParams(body))
    expect(form).toMatchObject({ Action: 'Publish', PhoneNumber: sms.to, Message: sms.text })
    expect(Object.values(form)).toEqual(expect.arrayContaining(['AWS.SNS.SMS.SMSType', 'Transactional']))
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/sns\/aws4_request, SignedHeaders=[\w;-]+, Signature=[0-9a-f]{64}$/,
    )
    const digest = headers['x-amz-content-sha256']
    if (digest !== undefined) expect(digest).toBe(createHash('sha256').update(body).digest('hex'))
    expect(JSON.stringify([headers, body])).not.toContain(secret)
  })

  it.each([
    [500, 'InternalError'],
    [503, 'ServiceUnavailable'],
    [400, 'Throttling'],
    [429, 'TooManyRequests'],
  ])('that answers %i %s is asked again', async (status, code) => {
    const receiver = await aReceiver((response, request, count) =>
      (count < 3 ? refused(status, code) : published)(response, request, count),
    )
    expect(await outcomeOf(aSender(receiver.url).send(sms))).toBe('sent')
    expect(receiver.requests).toHaveLength(3)
  })

  it.each([
    [400, 'InvalidParameter'],
    [403, 'InvalidClientTokenId'],
  ])('that answers %i %s is not asked again, and the error tells nothing of the message', async (status, code) => {
    const receiver = await aReceiver(refused(status, code))
    const outcome = await outcomeOf(aSender(receiver.url).send(sms))
    expect(outcome).toMatch(new RegExp(`^Error: Amazon SNS answered ${status} \\(${code}\\w*\\)$`))
    expect(receiver.requests).toHaveLength(1)
  })

  it('that does not answer is given up at the deadline', async () => {
    const receiver = await aReceiver(() => undefined)
    expect(await outcomeOf(aSender(receiver.url, { deadlineMs: 300 }).send(sms))).toMatch(/^Error: Amazon SNS cannot be reached/)
  })
})
