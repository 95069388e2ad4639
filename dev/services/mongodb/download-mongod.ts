/** Fetches mongod into mongodb-memory-server's cache and prints `path=` and where it is. */
import { MongoBinary } from 'mongodb-memory-server-core/lib/util/MongoBinary.js'

try {
  console.log(`path=${await MongoBinary.getPath({ checkMD5: true })}`)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
