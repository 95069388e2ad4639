import { startDocumentDb } from '../../documentdb.js'

// A process that has an engine until it is killed: node --import tsx hold-engine.ts DATA_FOLDER
const [, , dataFolder = ''] = process.argv
const { url } = await startDocumentDb({ dataFolder, durable: false, progress: () => {} })
process.stdin.resume()
console.log(url)
