/**
 * How many parts of an answer may still be sent. The host says so, and a task that
 * has no credit waits: so no queue of parts grows in the page. Knows no task.
 */

export class Credit {
  private left = 0;
  private wake: (() => void) | null = null;

  /** The host has room for so many more parts. */
  add(parts: number): void {
    this.left += parts;
    this.wake?.();
  }

  /** Waits until a part may be sent, and uses that up. `false` where the request ended first: then the part is not sent. */
  async take(ended: AbortSignal): Promise<boolean> {
    while (this.left === 0 && !ended.aborted) await this.change(ended);
    if (this.left === 0) return false;
    this.left -= 1;
    return true;
  }

  private async change(ended: AbortSignal): Promise<void> {
    let end = (): void => undefined;
    await new Promise<void>((resolve) => {
      end = resolve;
      this.wake = resolve;
      ended.addEventListener('abort', end);
    });
    ended.removeEventListener('abort', end);
    this.wake = null;
  }
}
