/**
 * The page's socket: opened, watched, reopened. Knows frames, not what they mean.
 */

import { GIVE_UP_MS, waitBefore } from './backoff.js';

/** The host pings more often than this; silence for longer means that the socket is lost. */
const SILENCE_MS = 15_000;
const WATCH_MS = 1_000;

export interface LinkEvents {
  /** A socket is open: say hello. */
  open(): void;
  message(buffer: ArrayBuffer): void;
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

  /** Sends, or drops where there is no socket: the host has then answered its callers itself. */
  send(buffer: ArrayBuffer): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(buffer);
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
      // Only a host that speaks ends the backoff: one that accepts and hangs up does not.
      this.attempt = 0;
      // The link is binary; a text message is nobody's and is not answered.
      if (data instanceof ArrayBuffer) this.events.message(data);
    };
    socket.onclose = () => this.lost(socket);
  }

  /** A socket that neither speaks nor closes (a stopped host, a sleeping machine) is given up. */
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
    const now = performance.now();
    // A socket that had been in use starts the count anew.
    if (this.attempt === 0) this.lostAt = now;
    const wait = waitBefore(this.attempt, now - this.lostAt);
    this.attempt += 1;
    if (wait === null) {
      this.events.status(
        `no host answered for ${GIVE_UP_MS / 1000} s. Close this page; a new session opens its own.`,
      );
      return;
    }
    this.events.status(`the host is gone; trying again (attempt ${this.attempt}) …`);
    setTimeout(() => this.connect(), wait);
  }
}
