import net from 'node:net'

/** A SOCKS5 proxy (RFC 1928, RFC 1929) that knows one user, or none. */
export class SocksServer {
  /** `host:port` of each connection it made. */
  readonly targets: string[] = []
  readonly #server: net.Server
  readonly #sockets = new Set<net.Socket>()
  readonly #user: { username: string; password: string } | undefined
  /** Where a name leads. */
  readonly names = new Map<string, string>()

  private constructor(user: { username: string; password: string } | undefined) {
    this.#user = user
    this.#server = net.createServer((socket) => {
      this.#track(socket)
      this.#serve(socket).catch(() => socket.destroy())
    })
  }

  static async start(user?: { username: string; password: string }): Promise<SocksServer> {
    const proxy = new SocksServer(user)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get addr(): string {
    return `127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #serve(socket: net.Socket): Promise<void> {
    const read = reader(socket)
    const [, methods = 0] = await read(2)
    const offered = await read(methods)
    const method = this.#user === undefined ? 0 : 2
    if (!offered.includes(method)) return void socket.end(Buffer.from([5, 0xff]))
    socket.write(Buffer.from([5, method]))
    if (method === 2) {
      const text = async (): Promise<string> => (await read((await read(1))[0] as number)).toString()
      await read(1)
      const given = { username: await text(), password: await text() }
      const good = given.username === this.#user?.username && given.password === this.#user.password
      socket.write(Buffer.from([1, good ? 0 : 1]))
      if (!good) return void socket.end()
    }
    const [, , , type] = await read(4)
    let host: string
    if (type === 1) host = [...(await read(4))].join('.')
    else if (type === 3) host = (await read((await read(1))[0] as number)).toString()
    else host = ((await read(16)).toString('hex').match(/.{4}/g) as string[]).join(':')
    const port = (await read(2)).readUInt16BE()
    this.targets.push(`${host}:${port}`)
    const target = net.connect(port, this.names.get(host) ?? host)
    this.#track(target)
    target.once('error', () => socket.end(Buffer.from([5, 5, 0, 1, 0, 0, 0, 0, 0, 0])))
    target.once('connect', () => {
      socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
      socket.pipe(target).pipe(socket)
    })
  }

  #track(socket: net.Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
  }
}

/** Reads exactly so many bytes at a time, and leaves the rest in the socket. */
function reader(socket: net.Socket): (count: number) => Promise<Buffer> {
  return async (count) => {
    for (;;) {
      const bytes = count === 0 ? Buffer.alloc(0) : (socket.read(count) as Buffer | null)
      if (bytes !== null) return bytes
      await new Promise<void>((resolve, reject) => {
        socket.once('readable', resolve)
        socket.once('close', () => reject(new Error('closed')))
      })
    }
  }
}
