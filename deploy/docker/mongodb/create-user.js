// Run by mongosh when the database is made: the server's own user, who may use its database and no other.
const { readFileSync } = require('node:fs')

db.getSiblingDB('heliograph').createUser({
  user: 'heliograph',
  pwd: readFileSync('/run/secrets/mongo_password', 'utf8').trim(),
  roles: [
    { role: 'readWrite', db: 'heliograph' },
    { role: 'dbAdmin', db: 'heliograph' },
  ],
})
