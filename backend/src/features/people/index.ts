export { companyOf } from './company.js'
export { Contacts } from './contacts.js'
export { getPeople, getPerson, lookUpContacts, searchPeople } from './routes.js'
export { PeopleService } from './service.js'
