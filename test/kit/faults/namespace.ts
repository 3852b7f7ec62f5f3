/**
 * A network namespace of its own for a worker, behind a pair of virtual interfaces: where the kernel itself can lose every packet. Needs root
 * and the `ip` command.
 */
import { execFileSync } from 'node:child_process';
import { type Fault, injected } from './fault.ts';

export class NetworkNamespace {
  readonly name: string;
  /** This end's and the worker's, in a network of two. */
  readonly host: string;
  readonly worker: string;
  readonly #number: number;
  readonly #hostDevice: string;
  readonly #workerDevice: string;

  /** `number`, below 16,384, tells namespaces of one machine apart. Throws if this process may not, or can't, make one. */
  constructor(number: number = process.pid % 16_384) {
    this.#number = number;
    this.name = `regather-${number}`;
    this.#hostDevice = `rgh${number}`;
    this.#workerDevice = `rgw${number}`;
    // 198.18.0.0/15 is for tests of networks (RFC 2544): nobody's.
    const first = number * 4;
    const network = `198.${18 + (first >> 16)}.${(first >> 8) & 255}`;
    this.host = `${network}.${(first & 255) + 1}`;
    this.worker = `${network}.${(first & 255) + 2}`;
    ip('netns', 'add', this.name);
    try {
      const near = [this.#hostDevice, 'address', this.#mac(1)];
      const far = [this.#workerDevice, 'address', this.#mac(2), 'netns', this.name];
      ip('link', 'add', ...near, 'type', 'veth', 'peer', 'name', ...far);
      ip('addr', 'add', `${this.host}/30`, 'dev', this.#hostDevice);
      this.#inside('addr', 'add', `${this.worker}/30`, 'dev', this.#workerDevice);
      ip('link', 'set', this.#hostDevice, 'up');
      this.#inside('link', 'set', this.#workerDevice, 'up');
      this.#inside('link', 'set', 'lo', 'up');
      // Or the kernel would tell the sender, some seconds into a black hole, that nobody answers its ARP.
      const [hostMac, workerMac] = [this.#mac(1), this.#mac(2)];
      ip('neigh', 'replace', this.worker, 'lladdr', workerMac, 'dev', this.#hostDevice, 'nud', 'permanent');
      this.#inside(
        'neigh',
        'replace',
        this.host,
        'lladdr',
        hostMac,
        'dev',
        this.#workerDevice,
        'nud',
        'permanent',
      );
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** Why there can't be one here; undefined: there can. */
  static whyNot(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces need root';
    try {
      execFileSync('unshare', ['--net', 'ip', 'link', 'show', 'lo'], { stdio: 'ignore' });
      return undefined;
    } catch (error) {
      return `no network namespaces here: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** What `fork` needs to start a process inside. */
  get execution(): { execPath: string; execArgv: string[] } {
    return { execPath: 'ip', execArgv: ['netns', 'exec', this.name, process.execPath] };
  }

  /** Every packet in either direction is lost, in front of the devices, and nobody is told. */
  lose(lost: boolean): void {
    // A queue without room: unlike netem, every kernel that schedules packets has it.
    const queue = ['root', 'pfifo', 'limit', '0'];
    const change = lost ? ['add'] : ['del'];
    run('tc', 'qdisc', ...change, 'dev', this.#hostDevice, ...queue);
    run('tc', '-n', this.name, 'qdisc', ...change, 'dev', this.#workerDevice, ...queue);
  }

  remove(): void {
    // The devices go with it.
    execFileSync('ip', ['netns', 'del', this.name], { stdio: 'ignore' });
  }

  #inside(...args: string[]): void {
    ip('-n', this.name, ...args);
  }

  /** 02: locally administered. */
  #mac(end: number): string {
    const hex = this.#number.toString(16).padStart(4, '0');
    return `02:52:47:${hex.slice(0, 2)}:${hex.slice(2)}:0${end}`;
  }
}

/** As a firewall that forgot a connection, or a cable that was pulled. The worker has to run inside that namespace. */
export function lostPackets(namespace: NetworkNamespace): Fault {
  return {
    label: 'black hole',
    effect: 'gone',
    async inject() {
      namespace.lose(true);
      return injected(() => namespace.lose(false));
    },
  };
}

function ip(...args: string[]): void {
  run('ip', ...args);
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
