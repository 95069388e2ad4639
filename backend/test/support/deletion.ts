import { Types } from 'mongoose'
import { expect } from 'vitest'
import { jobsOf } from './jobs.js'
import { deadline } from './listening.js'
import type { Person } from './people.js'
import type { TestApp } from './test-app.js'

/** Deletes their account. */
export const goes = async (person: Person): Promise<void> => {
  await person.delete('/users/me').send({ password: person.password }).expect(204)
}

/** Resolves when all that follows from it is done. */
export const deletionIsDone = (app: TestApp, { id }: Person) =>
  expect
    .poll(async () => (await jobsOf(app).findOne({ kind: 'account_deletion', userId: new Types.ObjectId(id) }))?.status, deadline)
    .toBe('done')
