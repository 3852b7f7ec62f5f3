/** The end of the event loop's turn, shared by all links of the process: one `setImmediate` however many have something to do. */
export interface TurnEnd {
  turnEnded(): void;
}

let due: TurnEnd[] = [];
let spare: TurnEnd[] = [];
let armed = false;

/** Calls `turnEnded` once when this turn's input has been handled; each caller keeps itself from asking twice. */
export function atTurnEnd(who: TurnEnd): void {
  due.push(who);
  if (armed) return;
  armed = true;
  setImmediate(run);
}

function run(): void {
  armed = false;
  const list = due;
  due = spare;
  for (let i = 0; i < list.length; i++) {
    try {
      list[i]!.turnEnded();
    } catch (error) {
      // A defect of one must surface, but mustn't keep the others from being served.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
  list.length = 0;
  spare = list;
}
