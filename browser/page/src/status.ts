/** The one line that a human sees in the page. */

export function status(text: string): void {
  const line = document.getElementById('status');
  if (line) line.textContent = `Pelago: ${text}`;
}
