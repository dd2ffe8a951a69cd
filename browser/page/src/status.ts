/** The line of text in the page that a person can read. Knows nothing of what happens. */

export function status(text: string): void {
  const line = document.getElementById('status');
  if (line) line.textContent = `Pelago: ${text}`;
}
