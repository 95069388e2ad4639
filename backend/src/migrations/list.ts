import { wordsOfMessages } from './0001-words-of-messages.js'
import { changesOfConversations } from './0002-changes-of-conversations.js'
import { namesOfPeople } from './0003-names-of-people.js'
import type { Migration } from './migration.js'

/** All that there are, in the order in which they are done. A number that was released stays. */
export const migrations: readonly Migration[] = [wordsOfMessages, changesOfConversations, namesOfPeople]
