import { defineConfig } from 'vitest/config'

// biome-ignore lint/style/noDefaultExport: Vitest reads its configuration from there.
export default defineConfig({ test: { include: ['leak.js'] } })
