import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FilterFactory } from '../../../../src/broker/filter/filter-factory.ts'
import { Sql92SyntaxError } from '../../../../src/broker/filter/sql92-tokens.ts'

const PROPERTIES = new Map(
  Object.entries({ n: '5', d: '2.5', name: "O'Neil", color: 'red', yes: 'true', TAGS: 'a', big: '9007199254740993' })
)
const passes = (sql: string): boolean => new FilterFactory().compile('SQL92', sql)(PROPERTIES)
const error = (sql: string, type = 'SQL92'): string => {
  try {
    new FilterFactory().compile(type, sql)
  } catch (thrown) {
    if (thrown instanceof Sql92SyntaxError) return thrown.message
    throw thrown
  }
  return 'compiled'
}

describe('SQL92 filters', () => {
  it.each([
    ['n > 4', true],
    ['n >= 5 AND n <= 5', true],
    ["n < 5 OR color = 'red'", true],
    ['n = 5', true],
    ['n <> 5', false],
    ['n = 5.0', true],
    ['d > 2', false],
    ['d > 2.4', true],
    ['2 < n', true],
    ['n BETWEEN 1 AND 5', true],
    ['n NOT BETWEEN 1 AND 5', false],
    ["color IN ('blue', 'red')", true],
    ["color NOT IN ('blue', 'red')", false],
    ["name = 'O''Neil'", true],
    ["color CONTAINS 'e' and color startswith 'r' And color EndsWith 'd'", true],
    ["color NOT CONTAINS 'e'", false],
    ["absent NOT CONTAINS 'e'", false],
    ["color CONTAINS ''", false],
    ['absent IS NULL', true],
    ['absent IS NOT NULL', false],
    ['n IS NOT NULL', true],
    ['yes = TRUE', true],
    ['yes = FALSE', false],
    ['TRUE', true],
    ['NOT FALSE', true],
    ['NULL', false],
    ['n', false],
    ['NOT n', true],
    ["NOT (n = 5 AND color = 'blue')", true],
    ['-n < 0', false],
    ['n > -6', true],
    ['n > + 4', true],
    ["TAGS = 'a' /* a comment */ -- and another\n AND n = 5l", true],
    ['big = 9007199254740993', true],
    ['big = 9007199254740992', false]
  ])('%s: %s', (sql, wanted) => {
    expect(passes(sql)).toBe(wanted)
  })

  it.each([
    ['absent = 1', false],
    ['NOT (absent = 1)', false],
    ['absent = 1 OR n = 5', true],
    ['absent = 1 AND n = 5', false],
    ["NOT (absent IN ('x'))", false]
  ])('a comparison with what is missing is unknown: %s', (sql, wanted) => {
    expect(passes(sql)).toBe(wanted)
  })

  it('where a text is compared with a number and is none, the message does not pass, whatever else there is', () => {
    expect(passes('color > 1')).toBe(false)
    expect(passes('color > 1 OR n = 5')).toBe(false)
    expect(passes('n = 5 OR color > 1')).toBe(true)
    expect(passes('NOT (color > 1)')).toBe(false)
    expect(passes('d = 2')).toBe(false)
  })

  it('an expression that cannot be read is refused, and it is said where and why', () => {
    expect(error('n >')).toContain('expected a property, a number, a text or a bracket at 3, found the end')
    expect(error('n = 5 n')).toContain('expected the end at 6')
    expect(error("n = 'x")).toContain('does not end')
    expect(error('n # 5')).toContain('unexpected character at 2')
    expect(error("n > 'x'")).toContain('only properties and numbers stand beside >')
    expect(error('n = NULL')).toContain('IS NULL')
    expect(error("'a'")).toContain('no truth value')
    expect(error("5 IN ('a')")).toContain('behind a property')
    expect(error('n BETWEEN 5 AND 1')).toContain('the lower limit comes first')
    expect(error('n = 9223372036854775808')).toContain('beyond 64 bits')
    expect(error('n NOT 5')).toContain('BETWEEN, IN')
    expect(error('n = 5', 'SQL99')).toContain('TAG or SQL92')
    expect(error('')).toContain('found the end')
  })

  it('security-X5 a million characters, deep nesting and long numbers take milliseconds', () => {
    // Of this process, not of the clock: what else the machine does must not count.
    const begin = process.cpuUsage()
    expect(error(`n = '${'x'.repeat(1_000_000)}'`)).toContain('at most 16384 characters')
    expect(error('('.repeat(16_000))).toContain('more than 100 levels')
    expect(error('NOT '.repeat(4000))).toContain('more than 100 levels')
    expect(error(`n${' = n'.repeat(4000)}`)).toContain('more than 100 levels')
    expect(error("'".repeat(16_001))).toContain('does not end')
    expect(error(`n = 5 /${'*'.repeat(16_000)}`)).toContain('does not end')
    const long = new FilterFactory().compile('SQL92', `${'absent = 1 OR '.repeat(1000)} digits > 1.5`)
    expect(long(new Map([['digits', `${'1'.repeat(30_000)}x`]]))).toBe(false)
    const { user, system } = process.cpuUsage(begin)
    expect((user + system) / 1000).toBeLessThan(1500)
  })

  it('any text compiles or is refused with a syntax error', () => {
    const words = fc.constantFrom(
      'n',
      'AND',
      'OR',
      'NOT',
      '(',
      ')',
      '=',
      '<>',
      '<',
      '5',
      "'a'",
      'IN',
      ',',
      'BETWEEN',
      'IS',
      'NULL',
      '-',
      '.5'
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 12 }).map((all) => all.join(' '))
        ),
        (sql) => {
          if (error(sql) === 'compiled') expect(typeof passes(sql)).toBe('boolean')
        }
      ),
      { numRuns: 500 }
    )
  })
})
