// Run by mongosh when the database is made: the server's own user, who may use its database and no other, and the one of backups, who may make others.
const { readFileSync } = require('node:fs')

db.getSiblingDB('heliograph').createUser({
  user: 'heliograph',
  pwd: readFileSync('/run/secrets/mongo_password', 'utf8').trim(),
  roles: [
    { role: 'readWrite', db: 'heliograph' },
    { role: 'dbAdmin', db: 'heliograph' },
  ],
})

db.getSiblingDB('admin').createUser({
  user: 'heliograph_restore',
  pwd: readFileSync('/run/secrets/mongo_restore_password', 'utf8').trim(),
  roles: [
    { role: 'readWriteAnyDatabase', db: 'admin' },
    { role: 'dbAdminAnyDatabase', db: 'admin' },
  ],
})
