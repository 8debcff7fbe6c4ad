/** Value at a share of an ascending list. */
export const percentile = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

/** Quartiles with linear interpolation, so that an even count has a middle. */
export function quartiles(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share) => {
    const position = (sorted.length - 1) * share
    const low = Math.floor(position)
    const high = Math.min(low + 1, sorted.length - 1)
    return sorted[low] + (sorted[high] - sorted[low]) * (position - low)
  }
  return { q1: at(0.25), median: at(0.5), q3: at(0.75), min: sorted[0], max: sorted.at(-1) }
}

/** The line that each peer prints for a round. */
export function roundResult({ millis, cpuMicros, ...fields }) {
  return {
    ...fields,
    msgPerSec: Math.round((fields.count / millis) * 1000),
    cpuMicrosPerMsg: Math.round((cpuMicros / fields.count) * 100) / 100
  }
}

/** A markdown table; numbers stand right. */
export function markdownTable(header, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  const numeric = header.map((_, column) => column > 0 && rows.every((row) => /^[-\d.,–]*$/.test(String(row[column]))))
  return [line(header), line(numeric.map((right) => (right ? '---:' : '---'))), ...rows.map(line)].join('\n')
}
