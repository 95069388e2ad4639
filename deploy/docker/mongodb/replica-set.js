// The health check of docker-compose.yml, run by mongosh: makes the replica set at the first look; healthy once its only member is the primary.
const { readFileSync } = require('node:fs')

db.getSiblingDB('admin').auth('root', readFileSync('/run/secrets/mongo_root_password', 'utf8').trim())
try {
  rs.status()
} catch {
  rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'mongodb:27017' }] })
}
if (!db.hello().isWritablePrimary) quit(1)
