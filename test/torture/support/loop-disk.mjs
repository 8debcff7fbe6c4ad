// A file system whose power can be cut: an ext4 in a loop-mounted file.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const IMAGE_SIZE = 256 * 1024 * 1024
/** _IOR('X', 125, __u32) with 2: EXT4_GOING_FLAGS_NOLOGFLUSH. */
const SHUTDOWN =
  'use Fcntl; sysopen(my $d, $ARGV[0], O_RDONLY) or die $!; my $f = pack("L", 2); ioctl($d, 0x8004587d, $f) or die $!'

/** Those that are there; none outlives this process. */
const disks = new Set()
process.on('exit', () => {
  for (const disk of disks) disk.remove()
})
for (const [signal, number] of [
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGTERM', 15]
]) {
  process.on(signal, () => process.exit(128 + number))
}

function tool(command, ...args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr}`)
}

/** Where the images are: memory, when there is room, so that other work on the disk does not matter. */
function imagesFolder() {
  try {
    accessSync('/dev/shm', constants.W_OK)
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}

export class LoopDisk {
  #folder = mkdtempSync(path.join(imagesFolder(), 'store-power-'))
  #mounted = false
  #mountPoint = path.join(this.#folder, 'mounted')
  #image = path.join(this.#folder, 'image')
  dir = path.join(this.#mountPoint, 'store')

  constructor() {
    writeFileSync(this.#image, '')
    truncateSync(this.#image, IMAGE_SIZE)
    mkdirSync(this.#mountPoint)
    disks.add(this)
    try {
      tool('mkfs.ext4', '-q', this.#image)
      this.mount()
    } catch (error) {
      this.remove()
      throw error
    }
  }

  mount() {
    tool('mount', '-o', 'loop', this.#image, this.#mountPoint)
    this.#mounted = true
  }

  unmount() {
    if (this.#mounted) tool('umount', this.#mountPoint)
    this.#mounted = false
  }

  cut() {
    tool('perl', '-e', SHUTDOWN, this.#mountPoint)
  }

  /** Also with somebody in it: then it goes when they have left. */
  remove() {
    disks.delete(this)
    // whatever is known: a `mount` that a signal ended may have mounted
    spawnSync('umount', ['--lazy', this.#mountPoint])
    this.#mounted = false
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** What of this host is missing, in words. */
export function missingForPowerCuts() {
  if (process.platform !== 'linux') return 'Linux'
  if (process.getuid() !== 0) return 'root'
  if (!existsSync('/dev/loop-control')) return 'loop devices'
  const absent = ['mkfs.ext4', 'mount', 'perl'].filter((name) => spawnSync(name, ['-V']).error !== undefined)
  if (absent.length > 0) return absent.join(', ')
  try {
    const disk = new LoopDisk()
    try {
      disk.cut()
    } finally {
      disk.remove()
    }
  } catch (error) {
    return `a loop-mounted ext4 that can be shut down (${error.message.split('\n')[0]})`
  }
}
