import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { SERVED_BY_BROKER } from '../../src/broker/handlers/handlers.ts'
import { SERVED_BY_CLIENT } from '../../src/client/client-remoting-processor.ts'
import { SERVED_BY_NAME_SERVER } from '../../src/nameserver/request-handlers.ts'
import { RequestCode, requestCodeName } from '../../src/protocol/codes.ts'
import { projectRoot } from './support/temp-project.ts'

const FILE = path.join(projectRoot, 'docs/compatibility.md')
const BEGIN = '<!-- requests: begin -->\n'
const END = '<!-- requests: end -->'

interface Row {
  code: number
  by: string
  served: string
}

const rows: Row[] = [
  ...SERVED_BY_BROKER.flatMap(([codes, , served]) => codes.map((code) => ({ code, by: 'broker', served }))).toSorted(byCode),
  ...SERVED_BY_NAME_SERVER.map(([code, , served]) => ({ code, by: 'name server', served })).toSorted(byCode),
  ...SERVED_BY_CLIENT.map(([code, served]) => ({ code, by: 'client', served })).toSorted(byCode)
]

function byCode(a: Row, b: Row): number {
  return a.code - b.code
}

const served = new Set(rows.map(({ code }) => code))

const table = [
  '| code | name | by | served |',
  '| --- | --- | --- | --- |',
  ...rows.map(({ code, by, served }) => `| ${code} | \`${requestCodeName(code)}\` | ${by} | ${served} |`)
].join('\n')

/** Why nobody here serves a code that some version knows. */
const NOT_SERVED: ReadonlyArray<readonly [why: string, codes: readonly number[]]> = [
  [
    'changes or shows the users and permissions of a broker: they are given when it starts',
    [50, 51, 52, 53, 54, ...range(3001, 3010)]
  ],
  ['no client and no proxy of 5.3 sends it', [200052, 200055]],
  ['changes many topics or groups at once: one request each does', [18, 225]],
  ['slaves of 5.x: theirs are served as slaves of 4.9', [60, 61, 906, 908]],
  ['cold data, static topics, broker containers: parts that are not here', [513, 902, 903, 905, ...range(2001, 2004)]],
  ['positions of single clients, set or read from outside', [221, 222, 223]],
  ['half messages that were put aside stay there', [323]],
  ['no group is forbidden to read single topics', [353]],
  ['filter servers, which 5.x has no more', [301, 302]],
  ['no version of 4.7 to 5.3 has a handler for it', [13, 22, 23, 27, ...range(209, 214)]]
]

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

describe('docs/compatibility.md', () => {
  it('lists each request code that is served, as the handlers say', () => {
    const document = readFileSync(FILE, 'utf8')
    const [head, rest] = document.split(BEGIN)
    const [listed, tail] = rest!.split(END)
    const reasons = NOT_SERVED.map(([why, codes]) => [codes.filter((code) => !served.has(code)).join(', '), why] as const)
      .filter(([codes]) => codes !== '')
      .map(([codes, why]) => `| ${codes} | ${why} |`)
    const expected = `\n${table}\n\n| not served | why |\n| --- | --- |\n${reasons.join('\n')}\n\n`
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, `${head}${BEGIN}${expected}${END}${tail}`)
    else expect(listed, 'UPDATE_DOCS=1 writes it anew').toBe(expected)
  })

  it('names every code once: as served, or with the reason why not', () => {
    const explained = NOT_SERVED.flatMap(([, codes]) => codes)
    const known = Object.values(RequestCode)
    expect(known.filter((code) => !served.has(code) && !explained.includes(code))).toEqual([])
    expect(new Set(rows.map(({ code, by }) => `${code} ${by}`)).size).toBe(rows.length)
  })
})
