import type { Action } from '../scene.js'
import { beginGroup } from './begin-group.js'
import { deleteForAll } from './delete.js'
import { edit } from './edit.js'
import { addMember, leave, removeMember } from './membership.js'
import { read } from './read.js'
import { send } from './send.js'

/** What people do, by how often. */
export const actions: readonly Action[] = [send, edit, deleteForAll, read, beginGroup, addMember, removeMember, leave]
