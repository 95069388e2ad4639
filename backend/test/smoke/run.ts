import { z } from 'zod'
import { Credentials } from './person.js'
import { smoke } from './smoke.js'
import type { StepResult } from './steps.js'

const deadlineMs = 10_000
const People = z.tuple([Credentials, Credentials])

const usage = `npm run smoke -- URL

Does once what people do, at a deployment that runs, such as https://chat.example.com: two people register, talk, send a file, sign a browser in by
QR, and are deleted. Ends with 0 where all of it works, with 1 where something does not, with 2 where something else has to be typed.
SMOKE_PEOPLE='[{"phone":"+49…","password":"…"},{…}]' has two sign in instead, where a phone has to be proved to register (production's default).`

const end = (code: 0 | 1 | 2, message: string): never => {
  ;(code === 2 ? process.stderr : process.stdout).write(`${message}\n`)
  process.exit(code)
}

const originOf = ([url = '', ...more]: readonly string[]): string => {
  if (more.length > 0 || !/^https?:\/\/./.test(url) || !URL.canParse(url)) return end(2, usage)
  return new URL(url).origin
}

const peopleOf = (json: string | undefined): z.infer<typeof People> | undefined => {
  if (!json) return undefined
  try {
    return People.parse(JSON.parse(json))
  } catch {
    return end(2, `SMOKE_PEOPLE is not two of {"phone", "password"} in JSON\n\n${usage}`) // and is not shown: it has passwords
  }
}

const row = (step: string, result: string, milliseconds: string, why = ''): string =>
  `${step.padEnd(34)}${result.padEnd(11)}${milliseconds.padStart(7)}  ${why}`.trimEnd()
const tell = ({ name, result, milliseconds, why }: StepResult) => console.log(row(name, result, String(milliseconds), why))

const origin = originOf(process.argv.slice(2))
const people = peopleOf(process.env['SMOKE_PEOPLE'])
console.log(row('step', 'result', 'ms'))
const results = await smoke(origin, { people, deadlineMs, tell })
const failed = results.filter(({ result }) => result !== 'ok').length
end(failed === 0 ? 0 : 1, `\n${origin}: ${results.length - failed} of ${results.length} steps ok`)
