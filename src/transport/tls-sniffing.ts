import type net from 'node:net'
import { realClock } from '../internal/clock.ts'

/** First byte of a TLS handshake; as the first byte of a frame it would mean a length above every limit. */
const HANDSHAKE_RECORD = 0x16

/**
 * Reads a connection's first byte and puts it back.
 * @param millis how long the peer may take for it; then the connection is closed.
 * @param sniffed called with whether the peer speaks TLS; not called when the connection ends first.
 */
export function sniffTls(socket: net.Socket, millis: number, sniffed: (speaksTls: boolean) => void): void {
  // Ordinary sockets are timed by their owner, who does not exist yet.
  const timer = realClock.setTimeout(() => socket.destroy(), millis, { ref: false })
  const onReadable = (): void => {
    const bytes = socket.read() as Buffer | null
    if (bytes === null) return
    finish()
    socket.unshift(bytes)
    sniffed(bytes[0] === HANDSHAKE_RECORD)
  }
  const onError = (): void => {}
  const finish = (): void => {
    timer.cancel()
    socket.removeListener('readable', onReadable)
    socket.removeListener('error', onError)
    socket.removeListener('close', finish)
  }
  socket.on('readable', onReadable)
  socket.on('error', onError)
  socket.once('close', finish)
}
