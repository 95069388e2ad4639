import { readFileSync } from 'node:fs'

/** The README's recipe for browsers: it declares `listen(api, token, tell)`. */
export const browserRecipe = (): string => {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8')
  const recipe = /## Events\n[\s\S]*?```js\n([\s\S]*?)```/.exec(readme)?.[1]
  if (recipe === undefined) throw new Error('the README has no recipe for browsers')
  return recipe
}
