/** The socket of the page: opens it, watches it and reopens it. Knows bytes, not what they mean. */

import { GIVE_UP_MS, waitBefore } from './backoff.js';
import type { Packet } from './frame.js';

/** The host sends pings more often than this. A socket that is silent for longer is lost. */
const SILENCE_MS = 15_000;
const WATCH_MS = 1_000;

export interface LinkEvents {
  /** A socket is open: say hello. */
  open(): void;
  message(buffer: ArrayBuffer): void;
  /** The socket is lost. Another will be opened. */
  lost(): void;
  /** For the human: what the link is doing. */
  status(text: string): void;
}

export class Link {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private lostAt = performance.now();
  private heardAt = 0;

  constructor(
    private readonly url: string,
    private readonly events: LinkEvents,
  ) {
    setInterval(() => this.watch(), WATCH_MS);
    this.connect();
  }

  /**
   * Sends a message and those that follow it, or drops them where no socket is open. The host has answered its
   * callers itself then.
   */
  send({ buffer, following }: Packet): void {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.socket.send(buffer);
    for (const bytes of following) this.socket.send(bytes);
  }

  private connect(): void {
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      this.heardAt = performance.now();
      this.events.open();
    };
    socket.onmessage = ({ data }) => {
      this.heardAt = performance.now();
      // Only a host that sends something resets the backoff. One that accepts and closes does not.
      this.attempt = 0;
      // The link is binary. Text messages are ignored.
      if (data instanceof ArrayBuffer) this.events.message(data);
    };
    socket.onclose = () => this.lost(socket);
  }

  /** Gives up a socket that is silent but does not close, as after a stopped host or a sleeping machine. */
  private watch(): void {
    const { socket } = this;
    if (socket === null || performance.now() - this.heardAt < SILENCE_MS) return;
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
    this.lost(socket);
  }

  private lost(socket: WebSocket): void {
    if (this.socket !== socket) return;
    this.socket = null;
    this.events.lost();
    const now = performance.now();
    // After a socket that was in use, the time to give up starts again.
    if (this.attempt === 0) this.lostAt = now;
    const wait = waitBefore(this.attempt, now - this.lostAt);
    this.attempt += 1;
    if (wait === null) {
      this.events.status(
        `no host answered for ${GIVE_UP_MS / 1000} s. Close this page. A new session opens its own page.`,
      );
      return;
    }
    this.events.status(`the connection to the host was lost. Connecting again (attempt ${this.attempt}) …`);
    setTimeout(() => this.connect(), wait);
  }
}
