import { startHttpReceiver } from './http-receiver.js'
import { afterwards } from './listening.js'

/** Something else that speaks HTTP, until the test has finished. @returns its URL */
export const anotherServer = async (answer: Parameters<typeof startHttpReceiver>[0]): Promise<string> => {
  const server = await startHttpReceiver(answer)
  afterwards(() => server.close())
  return server.url
}
