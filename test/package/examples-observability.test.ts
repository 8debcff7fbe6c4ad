import { expect, it } from 'vitest'
import { run } from './support/run.ts'
import { projectRoot } from './support/temp-project.ts'

const example = async (name: string): Promise<string[]> => {
  const { code, stdout, stderr } = await run(process.execPath, [`examples/${name}.mjs`], { cwd: projectRoot })
  expect([code, stderr]).toEqual([0, ''])
  return stdout.trim().split('\n')
}

it('the example of message trace reads its own record', async () => {
  const lines = await example('trace')
  expect(lines[0]).toMatch(/^found by the keys [0-9A-F]+ o-1$/)
  expect(lines.slice(1)).toEqual(['Pub of Orders, tag paid, stored: true'])
})

it('the example of OpenTelemetry prints its span, and the message carries the context', async () => {
  expect(await example('otel')).toEqual([
    'span "send Orders", SEND_OK, tag paid',
    'the message carries 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  ])
})

it('the example of Prometheus counts what it sent', async () => {
  expect((await example('prometheus')).toSorted()).toEqual([
    'rocketmq_producer_body_bytes_total{producer_group="shop",topic="Orders"} 7',
    'rocketmq_producer_messages_total{producer_group="shop",topic="Orders",status="MESSAGE_ILLEGAL"} 1',
    'rocketmq_producer_messages_total{producer_group="shop",topic="Orders",status="SEND_OK"} 3'
  ])
})
