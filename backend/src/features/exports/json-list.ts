/** A JSON array, a row at a time. */
export async function* jsonList(rows: AsyncIterable<object>): AsyncGenerator<string> {
  let first = true
  for await (const row of rows) {
    yield `${first ? '[\n' : ',\n'}${JSON.stringify(row)}`
    first = false
  }
  yield first ? '[]\n' : '\n]\n'
}
