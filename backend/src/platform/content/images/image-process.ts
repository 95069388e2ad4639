import { ImageJob } from './image-job.js'
import { makeImages, prepareSharp } from './make-images.js'

/**
 * A process of its own for what strangers' pictures do to a decoder: it is given no secrets, yields to the server that started it, and ends with it.
 * The next job comes when the last one is answered.
 */
prepareSharp()
process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  makeImages(ImageJob.parse(message))
    .catch((error: unknown) => ({ failed: String(error) }))
    .then((answer) => process.send?.(answer))
    .catch(() => process.exit(1)) // nobody hears
})
