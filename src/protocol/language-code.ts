/** Java's `LanguageCode`; the ordinal travels in binary headers, the name in JSON ones. */
export const LanguageCode = {
  JAVA: 0,
  CPP: 1,
  DOTNET: 2,
  PYTHON: 3,
  DELPHI: 4,
  ERLANG: 5,
  RUBY: 6,
  OTHER: 7,
  HTTP: 8,
  GO: 9,
  PHP: 10,
  OMS: 11,
  RUST: 12,
  NODE_JS: 13
} as const

/** Name of a language, as heartbeats announce it. */
export type LanguageName = keyof typeof LanguageCode

const names = Object.keys(LanguageCode) as LanguageName[]
const ordinals = new Map<string, number>(Object.entries(LanguageCode))

/** The name of an ordinal; undefined for one that is not known. */
export function languageName(ordinal: number): LanguageName | undefined {
  return names[ordinal]
}

/** The ordinal of a name, or of the ordinal itself, which Java reads too; -1 for one that is not known. */
export function languageOrdinal(name: unknown): number {
  if (typeof name === 'number') return names[name] === undefined ? -1 : name | 0
  return typeof name === 'string' ? (ordinals.get(name) ?? -1) : -1
}
