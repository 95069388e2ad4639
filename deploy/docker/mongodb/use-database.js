// Run by mongosh after a restore: lets the server's own user use the new database (DATABASE), too.
const { readFileSync } = require('node:fs')

db.getSiblingDB('admin').auth('root', readFileSync('/run/secrets/mongo_root_password', 'utf8').trim())
db.getSiblingDB('heliograph').grantRolesToUser('heliograph', [
  { role: 'readWrite', db: process.env.DATABASE },
  { role: 'dbAdmin', db: process.env.DATABASE },
])
