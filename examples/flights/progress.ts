/** How far a long step is: a bar that redraws itself on a terminal, a line per quarter elsewhere. */

const width = 32;

export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Returns what is called with 0 to 1; at 1 the bar is complete and its line ended. */
export function showProgress(label: string, stream: ProgressStream): (done: number) => void {
  return stream.isTTY ? showBar(label, stream) : showLines(label, stream);
}

function showBar(label: string, stream: ProgressStream): (done: number) => void {
  let shown = -1;
  return (done) => {
    const percent = Math.floor(done * 100);
    if (percent === shown) return;
    shown = percent;
    const full = Math.round(done * width);
    const bar = '█'.repeat(full) + '░'.repeat(width - full);
    stream.write(`\r${label} ${bar} ${String(percent).padStart(3)} %${percent === 100 ? '\n' : ''}`);
  };
}

function showLines(label: string, stream: ProgressStream): (done: number) => void {
  let next = 0;
  return (done) => {
    const quarter = Math.floor(done * 4);
    if (quarter < next) return;
    next = quarter + 1;
    stream.write(`${label}: ${quarter * 25} %\n`);
  };
}
