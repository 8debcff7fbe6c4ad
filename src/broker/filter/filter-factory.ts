import { type Expression, matches, type Properties } from './sql92-expressions.ts'
import { parseSql92 } from './sql92-parser.ts'
import { Sql92SyntaxError } from './sql92-tokens.ts'

/** Expressions that are remembered, good and bad ones; as many as Java keeps. */
const MAX_CACHED = 100

/** Whether a message with these properties passes. */
export type PropertyFilter = (properties: Properties) => boolean

/** Compiles expressions, each once as long as it is in use; Java's `FilterFactory` with the parser's cache. */
export class FilterFactory {
  readonly #compiled = new Map<string, Expression | Sql92SyntaxError>()

  /**
   * @param type SQL92 is the only one there is
   * @throws Sql92SyntaxError
   */
  compile(type: string, expression: string): PropertyFilter {
    if (type !== 'SQL92') throw new Sql92SyntaxError('the type of an expression is TAG or SQL92')
    const compiled = this.#compiled.get(expression) ?? this.#add(expression)
    if (compiled instanceof Sql92SyntaxError) throw compiled
    return (properties) => matches(compiled, properties)
  }

  #add(expression: string): Expression | Sql92SyntaxError {
    let compiled: Expression | Sql92SyntaxError
    try {
      compiled = parseSql92(expression)
    } catch (error) {
      if (!(error instanceof Sql92SyntaxError)) throw error
      compiled = error
    }
    if (this.#compiled.size >= MAX_CACHED) {
      for (const oldest of this.#compiled.keys()) {
        this.#compiled.delete(oldest)
        break
      }
    }
    // Whatever is longer than the parser takes is not kept either.
    if (!(compiled instanceof Sql92SyntaxError)) this.#compiled.set(expression, compiled)
    return compiled
  }
}
